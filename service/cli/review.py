"""`interview-grader review …`: a person looks, and decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from service.cli import review_disputes
from service.cli.batches_using import ACTOR, BatchId, confirm, is_terminal, use_batches
from service.cli.output import JSON_HELP, print_json
from service.errors import InputError

if TYPE_CHECKING:
    from service.batches.review_agreement import ReviewAgreement
    from service.batches.review_queue import QueuePage
    from service.domain.batch import Batch
    from service.domain.rubric import Question
    from service.store.decisions import Decision
    from service.store.reviews import Review
    from service.wiring_batch_results import AnswerDetail
    from service.wiring_batches import Batches

app = typer.Typer(help="Review the grades of a batch: a person decides.", no_args_is_help=True)
app.command("disputes")(review_disputes.list_disputes)
app.command("resolve")(review_disputes.resolve_dispute)

Number = Annotated[int, typer.Argument(metavar="NUMBER", min=0, help="The number of the answer, from the queue.")]
Reviewer = Annotated[str | None, typer.Option("--as", metavar="NAME", help="Who reviews. [default: your login name]")]
AsJson = Annotated[bool, typer.Option("--json", help=JSON_HELP)]


@app.command("queue")
def list_queue(
    batch_id: BatchId,
    reviewer: Reviewer = None,
    only: Annotated[
        str | None,
        typer.Option(metavar="WHY", help="Only these: disputed, flagged, uncertain, borderline, duplicate or sample."),
    ] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="How many, the most pressing first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """The answers that a person should look at, and why.

    \b
    interview-grader review queue bat_4f2a
    interview-grader review queue bat_4f2a --as "Dana Reuter" --only sample

    What you have reviewed is not listed again. Of the random sample, review all or
    the first ones as they come: only those tell how good the grader is. In a batch
    with blind reviews no reason and no score is shown.
    """
    from service.batches.review_queue import QueueReason
    from service.cli.review_output import print_queue

    if only is not None and only not in tuple(QueueReason):
        raise InputError(f"--only is one of {', '.join(QueueReason)}, not {only!r}.")

    async def read(batches: Batches) -> tuple[Batch, QueuePage]:
        batch = await batches.find(batch_id)
        chosen = QueueReason(only) if only else None
        return batch, await batches.results.list_queue(batch.id, name_reviewer(reviewer), only=chosen, limit=limit)

    batch, page = use_batches(None, read)
    print_queue(batch, page, as_json)


@app.command("show")
def show_answer(batch_id: BatchId, number: Number, reviewer: Reviewer = None, as_json: AsJson = False) -> None:
    """One answer with its grade, reviews and decisions.

    In a batch with blind reviews without the grade and other reviews until you gave
    yours, and without decisions until the results are opened.
    """
    from service.cli.review_output import print_answer

    async def read(batches: Batches) -> tuple[AnswerDetail, Question]:
        batch = await batches.find(batch_id)
        detail = await batches.results.get_answer(batch.id, number, name_reviewer(reviewer))
        return detail, batches.results.bases.find_rubric(batch.spec).get_question(detail.row.question)

    detail, question = use_batches(None, read)
    print_answer(detail, question, as_json)


@app.command("add")
def add_review(
    batch_id: BatchId,
    number: Number,
    level: Annotated[
        list[str] | None,
        typer.Option("--level", metavar="CRITERION=LEVEL", help="1 to 5, or none: not observed. One for each."),
    ] = None,
    reviewer: Reviewer = None,
    override: Annotated[
        bool, typer.Option("--override", help="Your levels count from now on; the machine's stay beside them.")
    ] = False,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="What it rests on; an override needs one.")] = "",
    as_json: AsJson = False,
) -> None:
    """Give your own levels of an answer.

    \b
    interview-grader review add bat_4f2a 17 --level own-action=4 \\
      --level result=none …
    interview-grader review add bat_4f2a 17 --level … --override \\
      --reason "Names the figure in the last sentence."

    Without --override it is a second opinion, which agreement is measured with. The
    overall is computed from the levels as the grader's is.
    """
    from service.cli.review_output import print_review

    async def add(batches: Batches) -> Review:
        from service.batches.review import ReviewDraft

        draft = ReviewDraft(levels=read_levels(level or []), reason=reason, is_override=override)
        batch = await batches.find(batch_id)
        return await batches.results.review(batch.id, number, name_reviewer(reviewer), draft)

    print_review(use_batches(None, add), as_json)


@app.command("decide")
def decide(
    batch_id: BatchId,
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Reference of a candidate, or row:7.")],
    decision: Annotated[str, typer.Argument(metavar="DECISION", help="advance, hold or reject.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="What it rests on.")],
    reviewer: Reviewer = None,
    as_json: AsJson = False,
) -> None:
    """Say what happens with a person next; only people do.

    Earlier decisions about the person stay, with their reasons: `review show` lists them.

    \b
    interview-grader review decide bat_4f2a c017 advance \\
      --reason "Clear evidence of teamwork in two answers."
    """
    from dataclasses import asdict

    from service.store.decisions import DecisionKind

    if decision not in tuple(DecisionKind):
        raise InputError(f"DECISION is one of {', '.join(DecisionKind)}, not {decision!r}.")

    async def set_decision(batches: Batches) -> Decision:
        batch = await batches.find(batch_id)
        kind = DecisionKind(decision)
        return await batches.results.decide(batch.id, person, kind, name_reviewer(reviewer), reason)

    decided = use_batches(None, set_decision)
    if as_json:
        print_json(asdict(decided))
        return
    typer.echo(f"{decided.candidate}: {decided.decision.value}, decided by {decided.decided_by}.")


@app.command("open")
def open_results(
    batch_id: BatchId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> int:
    """Open the results of a batch with blind reviews.

    That is for everybody and for good. Until then its ranking, exports, cases,
    decisions and comparisons are closed. Reviews after it no longer count as blind.
    The audit trail keeps who opened them.
    """
    from service.cli import EXIT_DONE, EXIT_FAILED

    if not yes and not is_terminal():
        raise InputError("Opening the results is for good: add --yes, since nobody can be asked here.")
    batch = use_batches(None, lambda batches: batches.find(batch_id))
    if not yes and not confirm(f"Show the scores of {batch.id} to everybody, also to who still reviews?", False):
        typer.echo("Nothing was opened.", err=True)
        return EXIT_FAILED
    opened = use_batches(None, lambda batches: batches.results.open_results(batch.id, ACTOR))
    if as_json:
        print_json({"batch": opened.id, "results_opened_at": opened.spec.results_opened_at})
    else:
        typer.echo(f"The results of {opened.id} are open. Next: interview-grader batches results {opened.id}")
    return EXIT_DONE


@app.command("agree")
def measure_agreement(batch_id: BatchId, as_json: AsJson = False) -> None:
    """How far people agree with the grader, and with each other.

    The random sample and the answers picked for review are told apart: only the first
    say how good the grader is.
    """
    from service.cli.review_output import print_agreement

    async def measure(batches: Batches) -> ReviewAgreement:
        return await batches.results.agree((await batches.find(batch_id)).id)

    print_agreement(use_batches(None, measure), as_json)


def name_reviewer(given: str | None) -> str:
    """Who reviews: as said, else the login name. Raises InputError where there is neither."""
    from getpass import getuser

    if given is not None and given.strip():
        return given.strip()
    try:
        return getuser()
    except (KeyError, OSError):
        raise InputError("--as is missing: say who reviews, for nobody is logged in by a name here.") from None


def read_levels(given: list[str]) -> dict[str, float | None]:
    """`["result=none", "own-action=4"]` -> `{"result": None, "own-action": 4.0}`; raises InputError."""
    levels: dict[str, float | None] = {}
    for one in given:
        criterion, _, text = (part.strip() for part in one.partition("="))
        if not criterion or not text:
            raise InputError(f"--level {one!r}: expected CRITERION=LEVEL, such as result=4 or result=none.")
        if criterion in levels:
            raise InputError(f"--level {criterion} is given twice. Keep one.")
        levels[criterion] = None if text == "none" else _read_level(one, text)
    return levels


def _read_level(one: str, text: str) -> float:
    try:
        level = float(text)
    except ValueError:
        level = 0.0
    if not 1 <= level <= 5:
        raise InputError(f"--level {one!r}: expected a level from 1 to 5, or none.")
    return level
