"""What the written form alone does to the embedded grader's levels: the same words without the marks nobody speaks.

    python -m benchmarks.spoken_form

Needs no sound. Grades all answers of two eval sets as written and changed, and prints the mean absolute difference of
levels (of criteria observed in both), and the share of criteria that were observed in one of the two only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

from service.assets.evals import EvalLibrary
from service.assets.rubrics import RubricLibrary
from service.domain.answer import Answer
from service.domain.judgement import NOT_OBSERVED
from service.domain.rubric import Question, Rubric
from service.domain.task import GradingTask, Mode
from service.llm.embedded.index import RubricIndex
from service.llm.embedded.judge import judge_answer
from service.llm.embedded.vectors import WordVectors

ROOT = Path(__file__).parents[1]
SETS = ("handling-difficult-customers", "behavioural-interview")
_MARKS = r"(?<!\w)['’]|['’](?!\w)"  # an apostrophe inside a word stays


def drop_marks(text: str) -> str:
    return " ".join(re.sub(rf"[^\w\s'’]|{_MARKS}", " ", re.sub(r"(?<=\d)[.:](?=\d)", "", text)).split())


CHANGES: dict[str, Callable[[str], str]] = {
    "no quotation marks": lambda text: re.sub(r'["“”]', "", text),
    "sentence ends only": lambda text: " ".join(re.sub(rf"[^\w\s.!?'’]|{_MARKS}", " ", text).split()),
    "lower case": str.lower,
    "no marks": drop_marks,
    "no marks, lower case": lambda text: drop_marks(text).lower(),
}


def grade_levels(rubric: Rubric, question: Question, text: str, index: RubricIndex) -> list[int | None]:
    """One level a criterion, capped by its red flags; None where it was not observed."""
    criteria = rubric.get_criteria(question)
    judgement = judge_answer(GradingTask(rubric, question, criteria, Answer(text=text), Mode.PRACTICE), index)
    levels: list[int | None] = []
    for criterion in criteria:
        claim = judgement.criteria[criterion.id]
        caps = [flag.caps_at for flag in criterion.red_flags if flag.id in {one.red_flag for one in claim.red_flags}]
        levels.append(None if claim.level == NOT_OBSERVED else min([int(claim.level), *caps]))
    return levels


def report(name: str, vectors: WordVectors) -> None:
    cases = EvalLibrary(ROOT / "evals", RubricLibrary(ROOT / "rubrics")).open(str(ROOT / "evals" / name))
    index = RubricIndex.build(vectors, cases.rubric)
    asked = [(cases.get_question(case), case.answer) for case in cases]
    written = [grade_levels(cases.rubric, question, text, index) for question, text in asked]
    for change, apply in CHANGES.items():
        changed = [grade_levels(cases.rubric, question, apply(text), index) for question, text in asked]
        pairs = [pair for one, other in zip(written, changed, strict=True) for pair in zip(one, other, strict=True)]
        gaps = [abs(before - after) for before, after in pairs if before is not None and after is not None]
        appeared = fmean((before is None) != (after is None) for before, after in pairs)
        print(f"{name}, {change}: {fmean(gaps):.2f} of a level over {len(gaps)} criteria; {appeared:.1%} in one only")


def main() -> None:
    vectors = WordVectors.load()
    for name in SETS:
        report(name, vectors)


if __name__ == "__main__":
    main()
