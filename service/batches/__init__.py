"""Many answers graded as one durable job: read `chunk.py` first, then `worker.py`."""
