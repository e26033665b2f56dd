"""The command line: parse, one call, print."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from service.errors import GraderError, InputError

if TYPE_CHECKING:
    from typer.exceptions import TyperException

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_UNSCORED = 3
EXIT_INTERRUPTED = 130


def main() -> None:
    """Runs one command and exits: 0 done, 1 failed, 2 bad input, 3 answer unscored, 130 interrupted."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """The exit code of one command. Errors become one plain sentence on stderr, never a traceback."""
    try:
        code = _run(arguments)
    except GraderError as error:
        return _fail(str(error), _choose_bad_input(arguments) if isinstance(error, InputError) else EXIT_FAILED)
    except BrokenPipeError:  # the reader, `head` say, has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains again at exit
        return EXIT_FAILED if arguments[:2] == ["evals", "gate"] else EXIT_DONE
    except OSError as error:
        return _fail(f"{error.filename or 'Reading or writing failed'}: {error.strerror}.", EXIT_FAILED)
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    return _fail("Interrupted.", code) if code == EXIT_INTERRUPTED else code


def _run(arguments: list[str]) -> int:
    from typer.exceptions import TyperException

    from service.cli.app import app

    try:
        code = app(arguments, standalone_mode=False, prog_name="interview-grader")
        if sys.stdout is not None:  # None: closed by whoever started this
            sys.stdout.flush()
    except TyperException as error:
        return _explain_usage(error, _choose_bad_input(arguments))
    except SystemExit as stop:  # how typer and rich end when nobody reads any more
        if isinstance(stop.__context__, BrokenPipeError):
            raise stop.__context__ from None
        raise
    return code if isinstance(code, int) else EXIT_DONE


def _choose_bad_input(arguments: list[str]) -> int:
    """2 for bad input; of a gate 1, since its 2 means "worse" and a misspelt option must not."""
    return EXIT_FAILED if arguments[:2] == ["evals", "gate"] else EXIT_BAD_INPUT


def _explain_usage(error: TyperException, code: int) -> int:
    """Typer's messages as sentences, with the help of the command in question; without any command, its help."""
    message = error.format_message()
    if message.startswith("Usage: "):  # no arguments at all
        _write_error(message)
        return code
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "interview-grader"
    return _fail(f"{message.rstrip('.')}. See {command} --help.", code)


def _fail(message: str, code: int) -> int:
    _write_error(f"interview-grader: {message}")
    return code


def _write_error(text: str) -> None:
    try:
        sys.stderr.write(f"{text}\n")
    except (OSError, AttributeError):  # nowhere left to say it; the exit code still does
        return
