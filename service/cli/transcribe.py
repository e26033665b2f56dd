"""`interview-grader transcribe`: what is heard in a recording; nothing is kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.output import JSON_HELP, open_console, print_json, print_text
from service.errors import InputError

if TYPE_CHECKING:
    from service.domain.transcript import Transcript

FILE_HELP = "Recording: WAV, MP3, M4A, Ogg, FLAC or WebM."


def transcribe(
    file: Annotated[str, typer.Argument(metavar="FILE", help=FILE_HELP)],
    language: Annotated[
        str, typer.Option(metavar="CODE", help="Language that is spoken, as an ISO 639-1 code.")
    ] = "en",
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> int:
    """Print what is heard in a recording. Nothing is graded or kept.

    Exits with 3 when what was heard is probably not what was said.

    \b
    interview-grader transcribe answer.wav
    interview-grader transcribe answer.m4a --json

    See also: interview-grader grade --audio FILE.
    """
    from service.cli import EXIT_DONE, EXIT_UNSCORED
    from service.cli.spoken import hear_file
    from service.config import load_settings
    from service.domain.delivery import measure_delivery
    from service.domain.transcript import find_doubt, find_doubtful

    if len(language) != 2 or not language.isascii() or not language.islower():
        raise InputError(f"--language {language!r}: expected an ISO 639-1 code, two small letters such as en.")
    heard = hear_file(Path(file), language, load_settings(), as_json)
    doubt, doubtful = find_doubt(heard, language), find_doubtful(heard)
    if as_json:
        delivery = measure_delivery(heard).model_dump(mode="json")
        told = {"text": heard.text, "doubt": doubt, "doubtful": list(doubtful), "delivery": delivery}
        print_json({**told, "transcript": heard.model_dump(mode="json")})
    else:
        _print_page(heard)
        if doubt is not None:
            typer.echo("What was heard is probably not what was said: read it before you use it.", err=True)
    return EXIT_DONE if doubt is None else EXIT_UNSCORED


def _print_page(heard: Transcript) -> None:
    """The words alone on stdout, so that they can be piped; what is to be said of them on stderr."""
    from rich.text import Text

    from service.cli.spoken import describe_delivery, describe_doubtful
    from service.domain.delivery import measure_delivery
    from service.domain.invisible import strip_invisible
    from service.domain.transcript import find_doubtful

    console = open_console()
    print_text(Text(strip_invisible(heard.text)), console) if console.is_terminal else typer.echo(heard.text)
    notes = open_console(stderr=True)
    if doubtful := [heard.words[place] for place in find_doubtful(heard)]:
        print_text(Text(f"Perhaps misheard: {strip_invisible(describe_doubtful(doubtful))}", "yellow"), notes)
    if heard.was_cut_off:
        print_text(
            Text("The recording ends early or has parts that cannot be read: words may be missing.", "yellow"), notes
        )
    if heard.words:
        print_text(Text(f"{describe_delivery(measure_delivery(heard))} ({heard.transcriber})", "dim"), notes)
