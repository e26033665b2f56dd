"""The command line: parse, one call, print."""

from __future__ import annotations

import os
import sys

from service.errors import GraderError, InputError

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
    from typer.exceptions import TyperException

    from service.cli.app import app

    try:
        code = app(arguments, standalone_mode=False, prog_name="interview-grader")
        sys.stdout.flush()
    except TyperException as error:
        return _fail(f"{error.format_message()} See interview-grader --help.", EXIT_BAD_INPUT)
    except GraderError as error:
        return _fail(str(error), EXIT_BAD_INPUT if isinstance(error, InputError) else EXIT_FAILED)
    except BrokenPipeError:  # the reader, `head` say, has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains again at exit
        return EXIT_DONE
    except OSError as error:
        return _fail(f"{error.filename or 'The output'}: {error.strerror}.", EXIT_FAILED)
    if code == EXIT_INTERRUPTED:
        return _fail("Interrupted.", EXIT_INTERRUPTED)
    return code if isinstance(code, int) else EXIT_DONE


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"interview-grader: {message}\n")
    return code
