"""`interview-grader evals derive`: the robustness set, made anew from the set it is derived from."""

from __future__ import annotations

from typing import Annotated

import typer

from service.cli.output import JSON_HELP, print_json


def derive_set(
    base: Annotated[str, typer.Argument(metavar="BASE", help="The set whose cases are changed.")],
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="The set that holds families.yaml, by its name or folder.")
    ] = "robustness",
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Make a robustness set anew from the set it changes.

    The same cases every time, from BASE and the families of TARGET.

    \b
    interview-grader evals derive my-set my-families/

    Needed after a change to the base set or to the families; the result is committed.
    """
    from service.config import load_settings
    from service.evaluation.robustness.derive import write_robustness_set
    from service.wiring import open_library

    evals = open_library(load_settings()).evals
    folder = evals.find_folder(target)
    count = write_robustness_set(evals.open(base), folder)
    if as_json:
        print_json({"folder": str(folder), "cases": count})
        return
    typer.echo(f"{folder} holds {count} cases now: {base}'s and what was made of them.")
