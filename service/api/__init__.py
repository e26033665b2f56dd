"""The HTTP API: FastAPI over Services."""
