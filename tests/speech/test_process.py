"""A child process: what it says, what happens when it dies or says nothing, and that it ends with its parent."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from service.errors import AudioTooLong, SpeechUnavailable
from service.speech.child import Message, answer_job
from service.speech.process import Child, ChildDied, ChildStalled


@pytest.fixture
async def echo() -> AsyncIterator[Child]:
    child = await Child.start("tests.speech.children.echo")
    yield child
    await child.kill()


async def test_answers_one_job_after_the_other(echo: Child) -> None:
    told: list[Message] = []
    assert await echo.run({"say": "a"}, 10, told.append) == {"said": "a"}
    assert told == [{"heard": "a"}]
    assert await echo.run({"say": "é"}, 10) == {"said": "é"}
    assert echo.is_alive


async def test_what_libraries_print_is_no_message(echo: Child) -> None:
    assert await echo.run({"print": True, "say": "a"}, 10) == {"said": "a"}


async def test_error_keeps_its_class_and_words(echo: Child) -> None:
    with pytest.raises(AudioTooLong, match=r"^Too long\.$"):
        await echo.run({"raise": True}, 10)


async def test_death_in_the_middle_is_noticed(echo: Child) -> None:
    with pytest.raises(ChildDied):
        await echo.run({"die": True}, 10)
    with pytest.raises(ChildDied):
        await echo.run({"say": "a"}, 10)
    await echo.kill()
    assert not echo.is_alive


async def test_silence_is_noticed(echo: Child) -> None:
    with pytest.raises(ChildStalled):
        await echo.run({"sleep": True}, 0.05)


@pytest.mark.parametrize("turns", range(6))
async def test_a_message_that_comes_at_that_moment_does_not_swallow_a_cancellation(echo: Child, turns: int) -> None:
    began = asyncio.Event()
    work = asyncio.create_task(echo.run({"sleep": True}, 10, lambda _: began.set()))
    echo._messages.feed_data(b'{"share": 0.1}\n')
    await began.wait()
    echo._messages.feed_data(b'{"share": 0.2}\n')
    for _ in range(turns):
        await asyncio.sleep(0)
    work.cancel()
    done, _ = await asyncio.wait([work], timeout=1)
    assert done
    assert work.cancelled()


async def test_a_process_that_cannot_be_started_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", refuse)
    with pytest.raises(SpeechUnavailable, match="Cannot allocate memory"):
        await Child.start("tests.speech.children.echo")


async def test_is_less_urgent_than_its_parent(echo: Child) -> None:
    assert (await echo.run({"nice": True}, 10))["niceness"] > os.nice(0)


def test_ends_when_its_parent_is_killed() -> None:
    code = "import asyncio; from service.speech.process import Child\n"
    code += "async def main():\n child = await Child.start('tests.speech.children.echo')\n"
    code += " print((await child.run({'pid': True}, 20))['pid'], flush=True)\n"
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
