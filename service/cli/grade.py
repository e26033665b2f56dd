"""`interview-grader grade`: one answer from a file, standard input or the bundled sample."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from service.cli.output import JSON_HELP, open_console
from service.errors import AnswerInvalid, InputError

if TYPE_CHECKING:
    from service.config import Settings
    from service.domain.grade import Scored, Unscored
    from service.domain.task import Mode
    from service.grading.job import Listener
    from service.wiring import Submission

RUBRIC_HELP = "Rubric: ID or ID@vN. [default: the one that has the question]"
ANSWER_HELP = "Text file with the answer; - reads standard input. Or a recording."
AUDIO_HELP = "Recording of the answer, whatever its name ends in."
MODE_HELP = "practice: with coaching (--json holds a model answer, too); screening: with neither."
MAX_FILE_BYTES = 1_000_000  # far over the longest answer that is graded; a film must not be read into memory


@dataclass(frozen=True, slots=True)
class _Choice:
    """What the person typed."""

    rubric: str | None
    question: str | None
    mode: str
    model: str | None
    prompt: str | None
    samples: int | None
    file: str | None
    audio: str | None

    @property
    def recording(self) -> str | None:
        """The file of a spoken answer."""
        from service.cli.spoken import is_recording

        return self.audio or (self.file if self.file is not None and is_recording(self.file) else None)


def grade(
    file: Annotated[str | None, typer.Argument(metavar="FILE", help=ANSWER_HELP)] = None,
    rubric: Annotated[str | None, typer.Option(metavar="ID", help=RUBRIC_HELP)] = None,
    question: Annotated[str | None, typer.Option(metavar="ID", help="Question, by its id or its full text.")] = None,
    audio: Annotated[str | None, typer.Option(metavar="FILE", help=AUDIO_HELP)] = None,
    mode: Annotated[str, typer.Option(metavar="MODE", help=MODE_HELP)] = "practice",
    model: Annotated[str | None, typer.Option(metavar="MODEL", help="Model, written as in GRADER_MODEL.")] = None,
    prompt: Annotated[str | None, typer.Option(metavar="NAME", help="Prompt: NAME or NAME@vN.")] = None,
    samples: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=9, help="Ask the model N times and average.")
    ] = None,
    store: Annotated[bool, typer.Option("--store/--no-store", help="Keep the grade in the database.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> int:
    """Grade one answer. Without a file: a bundled sample, so that you see what comes out.

    \b
    interview-grader grade --question find-root-cause answer.txt
    interview-grader grade --question find-root-cause --audio answer.m4a
    echo "I let her finish, …" | interview-grader grade --question legal-threat -
    interview-grader grade --rubric behavioural-interview \\
      --question "Tell me about a mistake you made." answer.txt
    interview-grader grade --model openai/gpt-5-mini

    See also: interview-grader questions, rubrics list, prompts list.
    """
    from service.cli import EXIT_DONE, EXIT_UNSCORED
    from service.config import load_settings

    choice = _Choice(rubric, question, mode, model, prompt, samples, file, audio)
    settings = load_settings(**({"model": model} if model else {}))  # naming a model here is allowing it
    submission = _read_submission(choice, settings, as_json)
    graded = asyncio.run(_grade(submission, settings, store, as_json))
    if as_json:
        typer.echo(graded.model_dump_json(indent=2))
    else:
        _print_page(graded, is_sample=file is None and audio is None)
    return EXIT_DONE if graded.status == "scored" else EXIT_UNSCORED


def _print_page(graded: Scored | Unscored, is_sample: bool) -> None:
    from service.cli.page import print_grade, print_next_steps

    console = open_console()
    print_grade(graded, console)
    if is_sample:
        print_next_steps(console)


def _read_submission(choice: _Choice, settings: Settings, quiet: bool) -> Submission:
    from service.wiring import Submission, open_library

    _check_choice(choice)
    sample = {} if choice.file or choice.audio else _read_sample()
    is_text = choice.file is not None and choice.recording is None
    answer = read_answer(choice.file) if choice.file and is_text else sample.get("answer", "")
    question = choice.question or sample["question"]
    submission = Submission(
        rubric=choice.rubric or sample.get("rubric") or open_library(settings).rubrics.find_with_question(question),
        question=question,
        answer=answer,
        mode=read_mode(choice.mode),
        prompt=choice.prompt,
        model=choice.model,
        samples=choice.samples,
    )
    if choice.recording is not None:
        return _hear(submission, choice.recording, settings, quiet)
    return submission


def _check_choice(choice: _Choice) -> None:
    if choice.file is not None and choice.audio is not None:
        raise InputError("There are two answers: name a file, or a recording with --audio.")
    if choice.file is None and choice.audio is None:
        if choice.question or choice.rubric:
            raise InputError("The answer is missing: name a file that holds it, or - to read it from standard input.")
    elif choice.question is None:
        raise InputError("--question is missing: give an id from `interview-grader questions`, or its full text.")


def _hear(submission: Submission, recording: str, settings: Settings, quiet: bool) -> Submission:
    """The submission with what is heard in the recording as its answer; first what is wrong with the rest of it."""
    from service.cli.spoken import hear_file
    from service.domain.answer import AnswerKind
    from service.domain.transcription import Spoken
    from service.wiring import open_library, read_submission

    language = read_submission(submission, open_library(settings), settings).rubric.language
    heard = hear_file(Path(recording), language, settings, quiet)
    spoken = Spoken(transcription=None, transcript=heard)
    return replace(submission, answer=heard.text, kind=AnswerKind.SPOKEN, spoken=spoken)


def read_mode(name: str) -> Mode:
    """The mode with this name; raises InputError for any other."""
    from service.domain.task import Mode

    if name not in tuple(Mode):
        raise InputError(f"--mode is practice or screening, not {name!r}.")
    return Mode(name)


def _read_sample() -> dict[str, str]:
    import yaml

    sample: dict[str, str] = yaml.safe_load(files("service.cli").joinpath("sample.yaml").read_text(encoding="utf-8"))
    return sample


def read_answer(name: str) -> str:
    """The text of the file; raises AnswerInvalid when it is not readable UTF-8 text."""
    place = "standard input" if name == "-" else name
    try:
        with _open_standard_input() if name == "-" else Path(name).open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as failure:
        raise AnswerInvalid(f"{place}: cannot be read ({failure.strerror}). Check the name of the file.") from None
    if len(content) > MAX_FILE_BYTES:
        raise AnswerInvalid(f"{place}: more than {MAX_FILE_BYTES:,} bytes, which is no answer to one question.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        raise AnswerInvalid(
            f"{place}: byte {failure.start + 1} is not valid UTF-8. Save the file with the encoding UTF-8."
        ) from None


def _open_standard_input() -> BinaryIO:
    if sys.stdin is None:  # closed by whoever started this
        raise AnswerInvalid("standard input: is closed. Pipe the answer in, or name a file.")
    if sys.stdin.isatty():
        typer.echo("Type or paste the answer, then press Enter and Ctrl-D.", err=True)
    return sys.stdin.buffer


async def _grade(submission: Submission, settings: Settings, store: bool, quiet: bool) -> Scored | Unscored:
    from service.wiring import grade_unstored, open_services

    with _show_progress(quiet) as listen:
        if not store:
            return await grade_unstored(submission, settings, listen)
        async with open_services(settings) as services:
            return await services.grade(submission, listen)


@contextmanager
def _show_progress(quiet: bool) -> Iterator[Listener]:
    """A listener that says on a terminal what is being waited for; silent elsewhere."""
    from service.grading.job import Progress, Step, ignore_progress

    console = open_console(stderr=True)
    if quiet or not console.is_terminal:
        yield ignore_progress
        return
    with console.status("Starting…") as status:
        texts = {Step.ASKING: "Asking the model…", Step.REPAIRING: "The reply broke the rules; asking once more…"}

        async def show(progress: Progress) -> None:
            if progress.step in texts:
                status.update(texts[progress.step])

        yield show
