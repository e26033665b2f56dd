"""Recordings of learners: uploaded as a form, without scripts; kept up to a limit; awaited by a warm transcriber."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from httpx import AsyncClient, Response

from service.api.practice import NOTHING_HEARD
from service.config import Settings
from tests.api.practice import ATTEMPTS, PAGE, find_token, hand_in, post
from tests.api.screening import OURS
from tests.api.support import QUESTION, RUBRIC, make_client, run_app
from tests.hearing import SPOKEN_TEXT, FakeTranscriber, make_wav

RECORDINGS = "/practice/recordings"
WAV = ("answer.wav", make_wav(), "audio/wav")


@asynccontextmanager
async def run_speaking(settings: Settings, ear: FakeTranscriber) -> AsyncIterator[AsyncClient]:
    settings = settings.model_copy(update={"batch_worker": False})
    async with run_app(settings, open_transcriber=ear.open) as app, make_client(app) as client:
        yield client


async def upload(client: AsyncClient, file: tuple[str, bytes, str] = WAV, **fields: str) -> Response:
    """As the form of a question's page without scripts sends it."""
    fields = {"csrf": await find_token(client), "rubric": RUBRIC, "question": QUESTION, **fields}
    return await client.post(RECORDINGS, data=fields, files={"audio": file}, headers=OURS)


async def find_words(client: AsyncClient, address: str) -> tuple[str, dict[str, str]]:
    """The page once the recording was listened to, and what its last form carries."""
    recording = address.rpartition("heard=")[2]
    await client.get(f"{RECORDINGS}/{recording}/events")
    page = (await client.get(address)).text
    return page, dict(re.findall(r'<input type="hidden" name="(\w+)"[^>]* value="([^"]*)">', page))


async def test_a_form_brings_the_words_to_be_corrected_and_graded(settings: Settings) -> None:
    async with run_speaking(settings, FakeTranscriber()) as client:
        sent = await upload(client)
        assert (sent.status_code, sent.headers["location"][: len(PAGE)]) == (303, PAGE)
        page, hidden = await find_words(client, sent.headers["location"])
        assert f">{SPOKEN_TEXT}</textarea>" in page
        assert "Hard to hear, please check: everything" in page, "the last word but one"
        corrected = SPOKEN_TEXT.replace("the next day", "on Tuesday")
        graded = await client.post(ATTEMPTS, data={**hidden, "answer": corrected}, headers=OURS)
        feedback = (await client.get(graded.headers["location"])).text
        assert "on Tuesday" in re.sub("<[^>]*>", "", feedback)
        assert "The transcript of what I said" in feedback, "it was spoken"


async def test_while_it_is_listened_to_the_page_comes_back_by_itself(settings: Settings) -> None:
    ear = FakeTranscriber(pauses=True)
    async with run_speaking(settings, ear) as client:
        address = (await upload(client)).headers["location"]
        await ear.began.wait()
        page = (await client.get(address)).text
        assert '<noscript><meta http-equiv="refresh"' in page
        assert "Listening to your recording" in page
        ear.go.set()
        assert "http-equiv" not in (await find_words(client, address))[0]


async def test_the_words_come_back_to_where_the_form_stood(settings: Settings) -> None:
    async with run_speaking(settings, FakeTranscriber()) as client:
        first = await hand_in(client)
        follow_up = (await upload(client, parent=first.rpartition("/")[2])).headers["location"]
        assert follow_up.startswith(f"{first}/follow-up?heard=")
        assert SPOKEN_TEXT in (await find_words(client, follow_up))[0]
        interview = (await post(client, "/practice/interviews", rubric=RUBRIC, questions="3")).headers["location"]
        await post(client, f"{interview}/0")
        begun = await upload(client, interview=interview.rpartition("/")[2], place="0")
        assert begun.headers["location"].startswith(f"{interview}/0?heard=")
        assert SPOKEN_TEXT in (await find_words(client, begun.headers["location"]))[0]
        own = (await upload(client, question="How do you say no to a regular guest?")).headers["location"]
        assert "/free-question?text=How+do+you" in own
        assert SPOKEN_TEXT in (await find_words(client, own))[0]


@pytest.mark.parametrize(
    ("file", "fields", "status", "told"),
    [
        (("note.txt", b"hello", "text/plain"), {}, 422, "no recording (text/plain)"),
        (("empty.wav", b"", "audio/wav"), {}, 422, "The recording is empty"),
        (WAV, {"csrf": "another"}, 403, "Send it once more"),
        (("voice.m4a", make_wav(), "text/html"), {}, 422, "no recording (text/html)"),
    ],
)
async def test_what_cannot_be_taken_is_said_on_the_page(
    settings: Settings, file: tuple[str, bytes, str], fields: dict[str, str], status: int, told: str
) -> None:
    async with run_speaking(settings, FakeTranscriber()) as client:
        sent = await upload(client, file, **fields)
        assert sent.status_code == status
        [alert] = re.findall(r'role="alert">([^<]*)<', sent.text)
        assert told in html.unescape(alert)
        assert 'enctype="multipart/form-data"' in sent.text, "to choose another one"
        assert list((settings.data_dir / "recordings").glob("trn_*")) == []


async def test_a_question_that_is_gone_is_said_before_anything_is_kept(settings: Settings) -> None:
    async with run_speaking(settings, FakeTranscriber()) as client:
        sent = await upload(client, rubric="no-rubric")
        assert (sent.status_code, "There is no such rubric" in sent.text) == (422, True)
        assert list((settings.data_dir / "recordings").glob("trn_*")) == []


async def test_a_form_of_another_site_is_refused(settings: Settings) -> None:
    async with run_speaking(settings, FakeTranscriber()) as client:
        fields = {"csrf": await find_token(client), "rubric": RUBRIC, "question": QUESTION}
        foreign = {"Sec-Fetch-Site": "cross-site"}
        sent = await client.post(RECORDINGS, data=fields, files={"audio": WAV}, headers=foreign)
        assert sent.status_code == 403


async def test_a_recording_without_words_is_told(settings: Settings) -> None:
    async with run_speaking(settings, FakeTranscriber("")) as client:
        page, _ = await find_words(client, (await upload(client)).headers["location"])
        assert NOTHING_HEARD in page


async def test_somebody_elses_recording_is_nobodys(settings: Settings) -> None:
    async with run_speaking(settings, FakeTranscriber()) as client:
        address = (await upload(client)).headers["location"]
        await find_words(client, address)
        client.cookies.clear()
        assert SPOKEN_TEXT not in (await client.get(address)).text


async def test_no_more_is_kept_than_one_person_may_keep(settings: Settings) -> None:
    room = settings.model_copy(update={"max_kept_bytes": len(make_wav()) + 10})
    async with run_speaking(room, FakeTranscriber()) as client:
        kept = await upload(client, keep="yes")
        await find_words(client, kept.headers["location"])
        full = await upload(client, keep="yes")
        assert full.status_code == 409
        assert "without keeping it" in full.text
        script = {"X-CSRF-Token": await find_token(client), "Content-Type": "audio/wav", **OURS}
        refused = await client.post(f"{RECORDINGS}?rubric={RUBRIC}&keep=true", content=make_wav(), headers=script)
        assert (refused.status_code, refused.json()["code"]) == (409, "kept-recordings-full")
        assert len(list((settings.data_dir / "recordings").glob("trn_*"))) == 1
        assert (await upload(client)).status_code == 303, "not kept, it is taken"


async def test_who_begins_to_speak_finds_the_transcriber_ready(settings: Settings) -> None:
    ear = FakeTranscriber()
    async with run_speaking(settings, ear) as client:
        token = await find_token(client)
        assert (await client.post(f"{RECORDINGS}/warm-up", headers=OURS)).status_code == 403
        assert ear.warmed_up == 0
        sent = await client.post(f"{RECORDINGS}/warm-up", headers={"X-CSRF-Token": token, **OURS})
        assert (sent.status_code, ear.warmed_up) == (202, 1)
