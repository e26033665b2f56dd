"""What was heard in a recording, and how it was spoken, for people at a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from service.cli.output import open_console

if TYPE_CHECKING:
    from pathlib import Path

    from service.config import Settings
    from service.domain.delivery import Delivery
    from service.domain.transcript import Transcript, Word
    from service.speech.base import Listen

AUDIO_SUFFIXES = (".wav", ".mp3", ".m4a", ".mp4", ".aac", ".ogg", ".oga", ".opus", ".flac", ".webm", ".aiff", ".amr")
MOST_DOUBTFUL = 20  # words that are listed; of more, the whole text is in doubt


def is_recording(name: str) -> bool:
    """Whether a file's name is that of a recording."""
    return name.lower().endswith(AUDIO_SUFFIXES)


def hear_file(file: Path, language: str, settings: Settings, quiet: bool) -> Transcript:
    """What is heard in a file, with a progress bar on a terminal. Raises an InputError, or a SpeechError."""
    import asyncio
    import tempfile
    from pathlib import Path

    from service.errors import AudioInvalid
    from service.wiring_speech import transcribe_file

    check_readable(file)
    with tempfile.TemporaryDirectory(prefix="interview-grader-") as folder, _show_share(quiet) as listen:
        try:
            return asyncio.run(transcribe_file(file, language, settings, Path(folder), listen))
        except AudioInvalid as failure:
            raise type(failure)(f"{file}: {failure}") from None


def check_readable(file: Path) -> None:
    """Raises AudioInvalid for a file that cannot be opened."""
    from service.errors import AudioInvalid

    try:
        with file.open("rb"):
            return
    except OSError as failure:
        raise AudioInvalid(f"{file}: cannot be read ({failure.strerror}). Check the name of the file.") from None


def describe_delivery(delivery: Delivery) -> str:
    """`46 words in 14 s, 199 a minute; 2 fillers, 8.6 a minute; 1 pause over 1 s, the longest 1.4 s`."""
    parts = [f"{_count(delivery.words, 'word')} in {delivery.speaking_seconds:.0f} s"]
    if delivery.words_per_minute is not None:
        parts[0] += f", {delivery.words_per_minute:.0f} a minute"
    parts.append(_count(delivery.fillers, "filler"))
    if delivery.fillers and delivery.fillers_per_minute is not None:
        parts[1] += f", {delivery.fillers_per_minute:.1f} a minute"
    if delivery.pauses is not None:
        longest = f", the longest {delivery.longest_pause_seconds:.1f} s" if delivery.pauses else ""
        parts.append(f"{_count(delivery.pauses, 'pause')} over 1 s{longest}")
    return "; ".join(parts)


def describe_doubtful(words: Sequence[Word]) -> str:
    """`refund (0:07), Miller (0:12)`; cut after twenty."""
    told = [f"{one.text} ({int(one.start_seconds) // 60}:{int(one.start_seconds) % 60:02})" for one in words]
    more = f" and {len(told) - MOST_DOUBTFUL} more" if len(told) > MOST_DOUBTFUL else ""
    return ", ".join(told[:MOST_DOUBTFUL]) + more


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


@contextmanager
def _show_share(quiet: bool) -> Iterator[Listen]:
    """A listener that draws a bar on a terminal; silent elsewhere."""
    console = open_console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda _: None
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn("Listening", markup=False), BarColumn(bar_width=20), TaskProgressColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("listening", total=1.0)
        yield lambda share: bar.update(task, completed=share)
