"""A child that does what it is told."""

from __future__ import annotations

import os
import time

from service.errors import AudioTooLong
from service.speech.child import Message, Tell, serve


def work(job: Message, tell: Tell) -> Message:
    if "raise" in job:
        raise AudioTooLong("Too long.")
    if "die" in job:
        os._exit(3)
    if "sleep" in job:
        time.sleep(60)
    if "print" in job:
        print('{"done": {"said": "a lie"}}', flush=True)
    if "nice" in job:
        return {"niceness": os.nice(0)}
    if "pid" in job:
        return {"pid": os.getpid()}
    tell({"heard": job["say"]})
    return {"said": job["say"]}


if __name__ == "__main__":
    serve(work)
