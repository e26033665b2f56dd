from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.errors import AudioInvalid, AudioTooLarge, UploadNotWritable
from service.transcriptions.folder import NEW_SECONDS, RecordingFolder
from tests.cli.running import build_environment

NAME = "trn_1"
HOLD = """
import sys, time
from pathlib import Path
from service.transcriptions.folder import RecordingFolder
folder = RecordingFolder(Path(sys.argv[1]))
print(folder.hold("trn_1"), flush=True)
time.sleep(60)
"""


async def stream(*pieces: bytes, failure: BaseException | None = None) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
    if failure is not None:
        raise failure


@pytest.fixture
def folder(tmp_path: Path) -> RecordingFolder:
    folder = RecordingFolder(tmp_path / "recordings")
    folder.open()
    return folder


def list_names(folder: RecordingFolder) -> list[str]:
    return sorted(path.name for path in folder.path.glob("trn_*"))


async def test_a_recording_is_private_and_whole(folder: RecordingFolder) -> None:
    pieces = [os.urandom(700_000) for _ in range(4)]
    file = await folder.receive(NAME, stream(*pieces), 10_000_000)
    content = b"".join(pieces)
    assert (file.bytes, file.hash) == (len(content), hashlib.sha256(content).hexdigest())
    assert folder.locate(NAME).read_bytes() == content
    assert folder.locate(NAME).stat().st_mode & 0o777 == 0o600
    assert folder.path.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("pieces", "failure", "error"),
    [
        ((), None, AudioInvalid),
        ((bytes(60), bytes(60)), None, AudioTooLarge),
        ((bytes(60),), ConnectionResetError("gone"), UploadNotWritable),
        ((bytes(60),), KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
async def test_nothing_stays_of_what_cannot_be_taken(
    folder: RecordingFolder, pieces: tuple[bytes, ...], failure: BaseException | None, error: type[BaseException]
) -> None:
    with pytest.raises(error):
        await folder.receive(NAME, stream(*pieces, failure=failure), 100)
    assert list_names(folder) == []


async def test_a_full_disk_is_said(folder: RecordingFolder) -> None:
    folder.path.rename(folder.path.with_name("moved"))
    with pytest.raises(UploadNotWritable, match="GRADER_DATA_DIR"):
        await folder.receive(NAME, stream(b"RIFF"), 100)
    with pytest.raises(UploadNotWritable):
        folder.make_work_folder(NAME)


async def test_the_last_of_the_disk_is_not_for_recordings(
    folder: RecordingFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.transcriptions.folder.LEAST_FREE_BYTES", 10**18)
    with pytest.raises(UploadNotWritable, match="No space left"):
        await folder.receive(NAME, stream(b"RIFF"), 100)
    assert list_names(folder) == []


def test_a_folder_keeps_its_name(folder: RecordingFolder, tmp_path: Path) -> None:
    again, other = RecordingFolder(folder.path), RecordingFolder(tmp_path / "other")
    again.open()
    other.open()
    assert folder.name == again.name != other.name


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "recordings").write_text("a file")
    with pytest.raises(UploadNotWritable):
        RecordingFolder(tmp_path / "recordings").open()


async def test_who_holds_a_recording_holds_it_alone_until_it_dies(folder: RecordingFolder) -> None:
    await folder.receive(NAME, stream(b"RIFF"), 100)
    assert folder.list_abandoned() == []
    assert not RecordingFolder(folder.path).hold(NAME)
    folder.release(NAME)
    command = [sys.executable, "-c", HOLD, str(folder.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=build_environment()) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        assert folder.list_abandoned() == []
        assert not folder.hold(NAME)
        holder.send_signal(signal.SIGKILL)
    assert folder.list_abandoned() == [NAME]
    assert folder.hold(NAME)
    with pytest.raises(FileNotFoundError):
        folder.hold("trn_2")


async def test_deleting_takes_what_was_decoded_along(folder: RecordingFolder) -> None:
    await folder.receive(NAME, stream(b"RIFF"), 100)
    (folder.make_work_folder(NAME) / "sound.wav").write_bytes(b"RIFF")
    assert len(list_names(folder)) == 2
    folder.delete(NAME)
    folder.delete(NAME)
    assert list_names(folder) == []
    assert folder.path.joinpath("name").exists()


def test_decoded_sound_without_its_recording_is_abandoned(folder: RecordingFolder) -> None:
    folder.make_work_folder(NAME)
    assert folder.list_abandoned() == [NAME]


def test_a_file_made_this_moment_is_not_abandoned(folder: RecordingFolder) -> None:
    """Whoever receives it makes it first and locks it then."""
    path = folder.locate(NAME)
    path.touch()
    assert folder.list_abandoned() == []
    before = time.time() - NEW_SECONDS - 1
    os.utime(path, (before, before))
    assert folder.list_abandoned() == [NAME]
