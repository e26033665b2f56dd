"""A child process: what it says, what happens when it dies or says nothing, and that it ends with its parent."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from service.errors import AudioTooLong
from service.speech.child import Message, answer_job
from service.speech.process import Child, ChildDied, ChildStalled, rebuild_error


@pytest.fixture
async def echo() -> AsyncIterator[Child]:
    child = await Child.start("tests.speech.children.echo")
    yield child
    await child.kill()


async def hear(child: Child, job: Message, stall_seconds: float = 10) -> list[Message]:
    async with aclosing(child.run(job, stall_seconds)) as messages:
        return [message async for message in messages]


async def test_answers_one_job_after_the_other(echo: Child) -> None:
    assert await hear(echo, {"say": "a"}) == [{"heard": "a"}, {"done": {"said": "a"}}]
    assert (await hear(echo, {"say": "é"}))[-1] == {"done": {"said": "é"}}
    assert echo.is_alive


async def test_what_libraries_print_is_no_message(echo: Child) -> None:
    assert (await hear(echo, {"print": True, "say": "a"}))[-1] == {"done": {"said": "a"}}


async def test_error_keeps_its_class_and_words(echo: Child) -> None:
    last = (await hear(echo, {"raise": True}))[-1]
    error = rebuild_error(last)
    assert isinstance(error, AudioTooLong)
    assert str(error) == "Too long."


async def test_death_in_the_middle_is_noticed(echo: Child) -> None:
    with pytest.raises(ChildDied):
        await hear(echo, {"die": True})
    with pytest.raises(ChildDied):
        await hear(echo, {"say": "a"})
    await echo.kill()
    assert not echo.is_alive


async def test_silence_is_noticed(echo: Child) -> None:
    with pytest.raises(ChildStalled):
        await hear(echo, {"sleep": True}, stall_seconds=0.05)


async def test_is_less_urgent_than_its_parent(echo: Child) -> None:
    assert (await hear(echo, {"nice": True}))[-1]["done"]["niceness"] > os.nice(0)


def test_ends_when_its_parent_is_killed() -> None:
    code = "import asyncio; from service.speech.process import Child\n"
    code += "async def main():\n child = await Child.start('tests.speech.children.echo')\n"
    code += " async for message in child.run({'pid': True}, 20): print(message['done']['pid'], flush=True)\n"
    code += " await asyncio.sleep(60)\n"
    with subprocess.Popen([sys.executable, "-c", f"{code}asyncio.run(main())"], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        watched = os.pidfd_open(pid)
        parent.kill()
    loop = asyncio.new_event_loop()
    gone = loop.create_future()
    loop.add_reader(watched, gone.set_result, True)
    assert loop.run_until_complete(asyncio.wait_for(gone, 10))
    loop.remove_reader(watched)
    loop.close()
    os.close(watched)


def test_job_is_answered_in_lines_of_json() -> None:
    told: list[Message] = []

    def work(job: Message, tell: object) -> Message:
        if job["n"] == 0:
            raise AudioTooLong("No.")
        return {"n": job["n"]}

    assert answer_job(json.dumps({"n": 1}), work, told.append) == {"done": {"n": 1}}
    assert answer_job(json.dumps({"n": 0}), work, told.append) == {"error": "AudioTooLong", "message": "No."}
