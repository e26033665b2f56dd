"""What was imported, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from service.domain.case import Case
from service.domain.judgement import NOT_OBSERVED
from service.domain.rubric import Rubric


@dataclass(frozen=True, slots=True)
class CriterionCount:
    """Ratings of one criterion by all raters: those with a level, and those with n/o."""

    rated: int
    not_observed: int


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What lies in the new set. `raters`: how many answers each rated; `groups`: column -> value -> answers.

    `own_questions` are those that are not in the rubric. `notices` are sentences: what was done that may not be meant.
    """

    name: str
    folder: Path
    rubric: str
    cases: int
    unrated: int
    rated_twice: int
    questions: int
    own_questions: int
    raters: Mapping[str, int]
    criteria: Mapping[str, CriterionCount]
    overall: int
    groups: Mapping[str, Mapping[str, int]]
    notices: tuple[str, ...]


@dataclass(slots=True)
class Tally:
    """Counts cases as they go by."""

    cases: int = 0
    ratings: Counter[int] = field(default_factory=Counter)
    questions: set[str] = field(default_factory=set)
    raters: Counter[str] = field(default_factory=Counter)
    levels: Counter[tuple[str, bool]] = field(default_factory=Counter)
    overall: int = 0
    groups: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, case: Case) -> None:
        self.cases += 1
        self.ratings[len(case.ratings)] += 1
        self.questions.add(case.question)
        for name, value in case.groups.items():
            self.groups.setdefault(name, Counter())[value] += 1
        for rating in case.ratings:
            self.raters[rating.scorer] += 1
            self.overall += rating.overall is not None
            for criterion, rated in rating.levels.items():
                self.levels[criterion, rated.level != NOT_OBSERVED] += 1

    def build(self, name: str, folder: Path, rubric: Rubric, notices: tuple[str, ...]) -> ImportReport:
        """The report; criteria in the rubric's order, those with a rating."""
        known = {question.id for question in rubric.questions} | {question.text for question in rubric.questions}
        counts = {
            criterion.id: CriterionCount(self.levels[criterion.id, True], self.levels[criterion.id, False])
            for criterion in rubric.criteria
        }
        return ImportReport(
            name=name,
            folder=folder,
            rubric=rubric.label,
            cases=self.cases,
            unrated=self.ratings[0],
            rated_twice=sum(count for raters, count in self.ratings.items() if raters > 1),
            questions=len(self.questions),
            own_questions=len(self.questions - known),
            raters=dict(self.raters),
            criteria={name: count for name, count in counts.items() if count.rated or count.not_observed},
            overall=self.overall,
            groups={name: dict(values.most_common()) for name, values in self.groups.items()},
            notices=notices,
        )
