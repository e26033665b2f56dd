"""A real server with the embedded grader, and learners' browsers that note every complaint."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from playwright.sync_api import Browser

from tests.api.test_server import serve
from tests.browser.conftest import Open, find_chromium, open_pages

SPOKEN = Path(__file__).parents[1] / "fixtures" / "answer.ogg"
SAMPLES_PER_SECOND = 48_000


@pytest.fixture(scope="package")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(tmp_path_factory.mktemp("practice"), shutdown_seconds="1") as (_, address):
        yield address


@pytest.fixture(scope="package")
def spoken_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An answer that espeak-ng spoke (tests/browser/fixtures/answer.txt), as Chromium's microphone wants it."""
    path = tmp_path_factory.mktemp("spoken") / "answer.wav"
    resampler = av.AudioResampler("s16", "mono", SAMPLES_PER_SECOND)
    with av.open(str(SPOKEN)) as source, wave.open(str(path), "wb") as target:
        target.setparams((1, 2, SAMPLES_PER_SECOND, 0, "NONE", ""))
        for frame in (*source.decode(audio=0), None):
            for one in resampler.resample(frame):
                target.writeframes(bytes(one.planes[0])[: 2 * one.samples])
    return path


@pytest.fixture(scope="package")
def speaking_browser(browser: Browser, spoken_file: Path) -> Iterator[Browser]:
    """A Chromium into whose microphone the answer is spoken, from its beginning whenever it is opened."""
    speaking = browser.browser_type.launch(
        executable_path=find_chromium(),
        args=[
            "--no-sandbox",
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-audio-capture={spoken_file}%noloop",
        ],
    )
    yield speaking
    speaking.close()


@pytest.fixture
def open_speaking(speaking_browser: Browser) -> Iterator[Open]:
    """Opens a page in a browser of its own, or in another tab of `context`, with a microphone that hears the answer."""
    yield from open_pages(speaking_browser)
