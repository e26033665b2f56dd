"""A grade as a page in the terminal: levels, the answer with its evidence marked, what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.text import Text

from service.domain.grade import CriterionNotObserved, CriterionScored, Feedback, Scored, Unscored
from service.domain.rubric import HIGHEST_LEVEL

if TYPE_CHECKING:
    from rich.console import Console

INDENT = 2
MISSING_SHOWN = 2
FULL, EMPTY = "●", "○"


def print_grade(grade: Scored | Unscored, console: Console) -> None:
    """Prints the whole page."""
    _print_head(grade, console)
    for criterion in grade.criteria:
        _print_criterion(criterion, console)
    if grade.criteria:
        _print_answer(grade, console)
    if grade.feedback is not None:
        _print_feedback(grade.feedback, console)
    for flag in grade.flags:
        console.print(Text.assemble(("\nLook at this: ", "bold yellow"), flag.message))
    _print_foot(grade, console)


def _print_head(grade: Scored | Unscored, console: Console) -> None:
    console.print(Text(f"\n{grade.question.text}", "bold"))
    if isinstance(grade, Scored):
        overall = grade.overall
        spread = "" if overall.uncertainty is None else f" ± {overall.uncertainty:.2f}"
        console.print(
            Text.assemble(
                ("\nOverall ", "bold"), (f"{overall.score:.2f}{spread}", "bold cyan"), f" of 5 – {overall.band}\n"
            )
        )
    else:
        console.print(Text.assemble(("\nNot scored: ", "bold yellow"), grade.reason.message, "\n"))


def _print_criterion(criterion: CriterionScored | CriterionNotObserved, console: Console) -> None:
    if isinstance(criterion, CriterionNotObserved):
        console.print(Text.assemble((f"{EMPTY * HIGHEST_LEVEL}  ", "dim"), (criterion.name, "bold"), "  not observed"))
    else:
        filled = int(criterion.level + 0.5)
        console.print(
            Text.assemble(
                (FULL * filled, "cyan"),
                (EMPTY * (HIGHEST_LEVEL - filled), "dim"),
                "  ",
                (criterion.name, "bold"),
                f"  level {criterion.level:g} of {HIGHEST_LEVEL}",
            )
        )
    _print_indented(criterion.rationale, console)
    for red_flag in criterion.red_flags:
        _print_indented(f"Red flag, level {red_flag.caps_at} at most: {red_flag.behaviour}.", console, "yellow")
    for missing in criterion.missing[:MISSING_SHOWN]:
        if missing.tip:
            _print_indented(f"→ {missing.tip}", console, "green")
    console.print()


def _print_indented(text: str, console: Console, style: str = "") -> None:
    console.print(Padding(Text(text, style), (0, 0, 0, 7)))


def _print_answer(grade: Scored | Unscored, console: Console) -> None:
    console.print(Text("The answer, with what the levels rest on", "bold"))
    console.print(Padding(_mark_evidence(grade), (0, 0, 1, INDENT)))


def _mark_evidence(grade: Scored | Unscored) -> Text:
    """The answer with its quotes in brackets and colour: colour alone is lost in a pipe and on some eyes."""
    marked = Text()
    end = 0
    for start, stop in _merge_spans(grade):
        marked.append(grade.answer[end:start])
        marked.append(f"«{grade.answer[start:stop]}»", "bold cyan")
        end = stop
    return marked.append(grade.answer[end:])


def _merge_spans(grade: Scored | Unscored) -> Iterator[tuple[int, int]]:
    spans = sorted((found.start, found.end) for criterion in grade.criteria for found in criterion.evidence)
    open_start, open_end = -1, -1
    for start, end in spans:
        if start > open_end:
            if open_end >= 0:
                yield open_start, open_end
            open_start, open_end = start, end
        else:
            open_end = max(open_end, end)
    if open_end >= 0:
        yield open_start, open_end


def _print_feedback(feedback: Feedback, console: Console) -> None:
    console.print(Text("Feedback", "bold"))
    _print_block(feedback.summary, console)
    for strength in feedback.strengths:
        _print_block(f"+ {strength.text}", console, "cyan")
        _print_block(f"  «{strength.quote}»", console)
    for improvement in feedback.improvements:
        _print_block(f"- {improvement.text}", console, "green")
        _print_block(f"  For example: {improvement.example}", console)
    if feedback.next_step:
        console.print(Text.assemble(("\nPractise next: ", "bold"), feedback.next_step))
    if feedback.follow_up_question:
        console.print(Text.assemble(("\nAn interviewer might ask: ", "bold"), feedback.follow_up_question))


def _print_block(text: str, console: Console, style: str = "") -> None:
    console.print(Padding(Text(text, style), (0, 0, 0, INDENT)))


def _print_foot(grade: Scored | Unscored, console: Console) -> None:
    made = grade.provenance
    by = ", ".join(made.models_served) or made.model_requested
    lines = [
        f"\nGraded by {made.backend} ({by}), prompt {made.prompt.id}@v{made.prompt.version}, "
        f"rubric {made.rubric.id}@v{made.rubric.version}. Grade {grade.id}."
    ]
    if made.notice:
        lines.append(made.notice)
    console.print(Text("\n".join(lines), "dim"))


def print_next_steps(console: Console) -> None:
    """What to try after the bundled sample."""
    console.print(
        Text(
            "\nThat was a sample answer. Try your own:\n"
            "  interview-grader questions\n"
            "  interview-grader grade --question find-root-cause my_answer.txt\n"
            "With a language model instead of the embedded baseline:\n"
            "  GRADER_MODEL=openai/<model> GRADER_API_KEY=… interview-grader grade\n"
            "As a service with an HTTP API:\n"
            "  interview-grader serve"
        )
    )
