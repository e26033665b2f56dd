"""What the commands of reviews print."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from service.cli.batches_ranked import write_level
from service.cli.output import open_console, print_hanging, print_json, print_table
from service.domain.invisible import keep_printable, strip_invisible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.batches.review_agreement import Figures, Part, ReviewAgreement
    from service.batches.review_queue import QueueItem, QueuePage
    from service.domain.batch import Batch
    from service.domain.rubric import Question
    from service.store.decisions import Decision
    from service.store.reviews import Review
    from service.wiring_batch_results import AnswerDetail


def _explain(item: QueueItem) -> str:
    """`disputed, red_flag`: of a flagged answer the flags themselves."""
    return ", ".join([*(reason for reason in item.reasons if reason != "flagged"), *item.flags])


def print_queue(batch: Batch, page: QueuePage, as_json: bool) -> None:
    """One line an answer, the most pressing first; how many there are in all, on stderr."""
    if as_json:
        print_json({"batch": batch.id, **asdict(page)})
        return
    rows: list[tuple[str, ...]] = [
        (
            str(item.number), keep_printable(item.candidate or f"(row {item.row})"),
            "no score" if item.overall is None else f"{item.overall:.2f}", keep_printable(item.question)[:60],
            _explain(item),
        )
        for item in page.items
    ]  # fmt: skip
    header: tuple[str, ...] = ("number", "person", "overall", "question", "why")
    if page.is_blind:  # no score and no reason is told, so there is no column for them
        header, rows = ("number", "person", "question"), [(row[0], row[1], row[3]) for row in rows]
    print_table(header, rows, if_none="Nothing waits for you.")
    if page.items:
        counts = ", ".join(f"{count:,} {reason}" for reason, count in page.by_reason.items() if count)
        typer.echo(f"\n{page.remaining:,} in all{f': {counts}' if counts else ''}.", err=True)
        typer.echo(f"Next: interview-grader review show {batch.id} {page.items[0].number}", err=True)


def print_answer(detail: AnswerDetail, question: Question, as_json: bool) -> None:
    """The answer with its grade and reviews, or, while they are hidden, with the criteria to judge it by."""
    if as_json:
        print_json(_describe_answer(detail, question))
        return
    typer.echo(
        f"Answer {detail.row.number}, row {detail.row.row}: {keep_printable(detail.row.candidate or 'no reference')}"
    )
    if detail.grade is not None:
        from service.cli.page import print_grade

        print_grade(detail.grade, open_console())
    else:
        _print_text(detail, question)
    from service.batches.review import find_counting

    counting = find_counting(detail.view.reviews)
    for review in detail.view.reviews:
        replaced = " Replaced by a later override." if review.is_override and review is not counting else ""
        print_hanging(f"{_name(review)}: ", _describe_review(review) + replaced)
    for decision in detail.decisions:
        print_hanging(f"{_name_decision(decision)}: ", keep_printable(decision.reason))
    row = detail.row
    typer.echo()
    levels = " ".join(f"--level {name}=…" for name in _list_criteria(question))
    print_hanging("Review it: ", f"interview-grader review add {row.batch} {row.number} {levels}")


def _print_text(detail: AnswerDetail, question: Question) -> None:
    typer.echo(f"\n{keep_printable(question.text)}\n\n{strip_invisible(detail.text)}\n")
    if detail.view.is_hidden:
        typer.echo("Reviews of this batch are blind: the grade and other reviews are shown when you gave yours.")
    else:
        failure = detail.row.result.error_message
        typer.echo(f"Not graded: {detail.row.result.state.value}{f'. {failure}' if failure else ''}")


def _describe_answer(detail: AnswerDetail, question: Question) -> dict[str, Any]:
    """Nothing that tells of the machine's score while that is hidden."""
    row, view = detail.row, detail.view
    exclude = {"result", "grade"} if view.is_hidden else set()
    return {
        **row.model_dump(mode="json", exclude=exclude),
        "question_text": question.text,
        "criteria": _list_criteria(question),
        "text": detail.text,
        "hidden": view.is_hidden,
        "grade": detail.grade.model_dump(mode="json") if detail.grade is not None else None,
        "final_overall": view.final_overall,
        "reviews": [asdict(review) for review in view.reviews],
        "decisions": [_describe_decision(decision) for decision in detail.decisions],
    }


def _describe_decision(decision: Decision) -> dict[str, Any]:
    fields = asdict(decision)
    return {name: fields[name] for name in ("place", "decision", "reason", "decided_by", "created_at")}


def _name_decision(decision: Decision) -> str:
    who, when = keep_printable(decision.decided_by), f"{decision.created_at:%Y-%m-%d %H:%M} UTC"
    return f"Decision {decision.place}, {decision.decision.value}, by {who}, {when}"


def _list_criteria(question: Question) -> list[str]:
    return [criterion for criterion, weight in question.weights.items() if weight > 0]


def print_review(review: Review, as_json: bool) -> None:
    """The review as it is stored."""
    if as_json:
        print_json(asdict(review))
        return
    print_hanging(f"Stored. {_name(review)}: ", _describe_review(review))


def _name(review: Review) -> str:
    return f"{keep_printable(review.reviewer)} ({'override' if review.is_override else 'review'})"


def _describe_review(review: Review) -> str:
    levels = ", ".join(f"{name} {write_level(level)}" for name, level in review.levels.items())
    overall = "nothing observed" if review.overall is None else f"overall {review.overall:.2f}"
    machine = "none" if review.machine_overall is None else f"{review.machine_overall:.2f}"
    return f"{overall} (the grader's: {machine}); {levels}. {keep_printable(review.reason)}".rstrip(". ") + "."


def print_agreement(found: ReviewAgreement, as_json: bool) -> None:
    """Four tables in one, and what they do not say."""
    if as_json:
        print_json(asdict(found))
        return
    typer.echo(f"Random sample: {found.sample_reviewed:,} of {found.sampled:,} answers are reviewed.\n")
    parts = {
        "people–grader, sample": found.human_machine_sample,
        "people–grader, picked": found.human_machine_selected,
        "two people, sample": found.human_human_sample,
        "two people, picked": found.human_human_selected,
    }
    rows = [row for name, part in parts.items() for row in _write_part(name, part)]
    print_table(("between", "of", "answers", "kappa", "exact", "within 1", "off by", "note"), rows)
    typer.echo(err=True)
    for caution in found.cautions:
        typer.echo(caution, err=True)


def _write_part(name: str, part: Part) -> Iterator[tuple[str, ...]]:
    yield (name, "overall", *_write_figures(part.overall))
    for criterion, figures in part.criteria.items():
        if figures.n:
            yield (name, criterion, *_write_figures(figures))


def _write_figures(figures: Figures) -> tuple[str, ...]:
    shares = [None if share is None else f"{share:.0%}" for share in (figures.exact, figures.adjacent)]
    numbers = [None if number is None else f"{number:.2f}" for number in (figures.kappa, figures.mean_error)]
    kappa, error = numbers
    return str(figures.n), kappa or "–", shares[0] or "–", shares[1] or "–", error or "–", figures.why_not or ""
