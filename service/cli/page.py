"""A grade as a page in the terminal: levels, the answer with its evidence marked, what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.text import Text

from service.cli.output import print_text
from service.cli.spoken import describe_delivery, describe_doubtful
from service.domain.grade import (
    CriterionNotObserved,
    CriterionScored,
    Feedback,
    FlagCode,
    Scored,
    SpokenAnswer,
    Unscored,
)
from service.domain.invisible import strip_invisible
from service.domain.rubric import HIGHEST_LEVEL

if TYPE_CHECKING:
    from rich.console import Console

INDENT = 2
SAID_ELSEWHERE = {FlagCode.RED_FLAG, FlagCode.NOTHING_OBSERVED}  # beside the criterion; as the reason
FULL, EMPTY = "●", "○"


def print_grade(grade: Scored | Unscored, console: Console) -> None:
    """Prints the whole page: the outcome in short, each criterion, the answer, what to do next, what made it."""
    _print_head(grade, console)
    if grade.spoken is not None:
        _print_spoken(grade, grade.spoken, console)
    if grade.provenance.notice and grade.provenance.attempts:
        print_text(Text(f"{grade.provenance.notice}\n", "dim"), console)
    if grade.feedback is not None:
        print_text(Text(f"{strip_invisible(grade.feedback.summary)}\n"), console)
    if isinstance(grade, Scored):
        for criterion in grade.criteria:
            _print_criterion(criterion, console)
        _print_answer(grade, console)
    if grade.feedback is not None:
        _print_feedback(grade.feedback, console)
    for flag in grade.flags:
        if flag.code not in SAID_ELSEWHERE:
            print_text(Text.assemble(("\nLook at this: ", "bold yellow"), flag.message), console)
    _print_foot(grade, console)


def _print_head(grade: Scored | Unscored, console: Console) -> None:
    print_text(Text(f"\n{grade.question.text}", "bold"), console)
    if isinstance(grade, Scored):
        overall = grade.overall
        spread = "" if overall.uncertainty is None else f" ± {overall.uncertainty:.2f}"
        score = f"{overall.score:.2f}{spread}"
        head = Text.assemble(("\nOverall ", "bold"), (score, "bold cyan"), f" of {HIGHEST_LEVEL} – {overall.band}\n")
    else:
        head = Text.assemble(("\nNot scored: ", "bold yellow"), grade.reason.message, "\n")
    print_text(head, console)


def _print_spoken(grade: Scored | Unscored, spoken: SpokenAnswer, console: Console) -> None:
    """What was heard, where it is not printed as the answer below; what is in doubt; how it was spoken."""
    if isinstance(grade, Unscored) and grade.answer:
        print_text(Text.assemble(("Heard: ", "bold"), strip_invisible(grade.answer)), console)
    if spoken.doubtful_words:
        told = strip_invisible(describe_doubtful(spoken.doubtful_words))
        print_text(Text.assemble(("Perhaps misheard: ", "bold yellow"), told), console)
    print_text(Text(f"Spoken, and no part of the score: {describe_delivery(spoken.delivery)}.\n", "dim"), console)


def _print_criterion(criterion: CriterionScored | CriterionNotObserved, console: Console) -> None:
    if isinstance(criterion, CriterionNotObserved):
        filled, level = 0, "not observed"
    else:
        filled, level = int(criterion.level + 0.5), f"level {_round(criterion.level)} of {HIGHEST_LEVEL}"
    dots = ((FULL * filled, "cyan"), (EMPTY * (HIGHEST_LEVEL - filled), "dim"))
    print_text(Text.assemble(*dots, "  ", (criterion.name, "bold"), f"  {level}"), console)
    _print_indented(criterion.rationale, console)
    for red_flag in criterion.red_flags:
        told = f"Red flag, level {red_flag.caps_at} at most: {red_flag.behaviour}: «{red_flag.evidence.quote}»"
        _print_indented(told, console, "yellow")
    if criterion.advice:
        _print_indented(f"→ {criterion.advice}", console, "green")
    console.print()


def _round(level: float) -> str:
    """4, 3.5, 3.67: a mean of samples is no whole number, and 3.6666666 says no more."""
    return f"{level:.2f}".rstrip("0").rstrip(".")


def _print_indented(text: str, console: Console, style: str = "") -> None:
    print_text(Text(strip_invisible(text), style), console, HIGHEST_LEVEL + INDENT)


def _print_answer(grade: Scored | Unscored, console: Console) -> None:
    console.print(Text("The answer, with what the levels rest on", "bold"))
    print_text(_mark_evidence(grade), console, INDENT)
    console.print()


def _mark_evidence(grade: Scored | Unscored) -> Text:
    """The answer with its quotes in brackets and colour: colour alone is lost in a pipe and on some eyes."""
    marked = Text()
    end = 0
    for start, stop in _merge_spans(grade):
        marked.append(strip_invisible(grade.answer[end:start]))
        marked.append(f"«{strip_invisible(grade.answer[start:stop])}»", "bold cyan")
        end = stop
    return marked.append(strip_invisible(grade.answer[end:]))  # U+202E would turn round what follows it


def _merge_spans(grade: Scored | Unscored) -> Iterator[tuple[int, int]]:
    found = [evidence for criterion in grade.criteria for evidence in criterion.evidence]
    found += [red_flag.evidence for criterion in grade.criteria for red_flag in criterion.red_flags]
    spans = sorted((evidence.start, evidence.end) for evidence in found)
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
    if feedback.strengths or feedback.improvements:
        console.print(Text("Feedback", "bold"))
    for strength in feedback.strengths:
        _print_block(f"+ {strength.text}", console, "cyan")
        _print_block(f"  «{strength.quote}»", console)
    for improvement in feedback.improvements:
        _print_block(f"- {improvement.text}", console, "green")
        _print_block(f"  For example: {improvement.example}", console)
    if feedback.next_step:
        print_text(Text.assemble(("\nPractise next: ", "bold"), strip_invisible(feedback.next_step)), console)
    if feedback.follow_up_question:
        asked = strip_invisible(feedback.follow_up_question)
        print_text(Text.assemble(("\nAn interviewer might ask: ", "bold"), asked), console)


def _print_block(text: str, console: Console, style: str = "") -> None:
    print_text(Text(strip_invisible(text), style), console, INDENT)


def _print_foot(grade: Scored | Unscored, console: Console) -> None:
    made = grade.provenance
    by = strip_invisible(", ".join(made.models_served)) or "no model was asked"
    lines = [
        f"\nGraded by {made.model_requested}: {by}; prompt {made.prompt.id}@v{made.prompt.version}, "
        f"rubric {made.rubric.id}@v{made.rubric.version}. Grade {grade.id}."
    ]
    print_text(Text("\n".join(lines), "dim"), console)


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
