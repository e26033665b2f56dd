"""What was imported, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from service.domain.case import Case, NoOverall, ReferenceRule, compute_reference
from service.domain.judgement import NOT_OBSERVED
from service.domain.rubric import Rubric
from service.errors import UnknownQuestion


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
    """Counts cases as they go by.

    Of those that are rated `whole` have an overall reference, `partly` none, for want of marks on `lacking` criteria.
    """

    rubric: Rubric
    reference: ReferenceRule
    cases: int = 0
    whole: int = 0
    partly: int = 0
    lacking: Counter[str] = field(default_factory=Counter)
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
        if case.ratings:
            self._count_whole(case)
        for name, value in case.groups.items():
            self.groups.setdefault(name, Counter())[value] += 1
        for rating in case.ratings:
            self.raters[rating.scorer] += 1
            self.overall += rating.overall is not None
            for criterion, rated in rating.levels.items():
                self.levels[criterion, rated.level != NOT_OBSERVED] += 1

    def _count_whole(self, case: Case) -> None:
        try:
            question = self.rubric.get_question(case.question)
        except UnknownQuestion:  # told with its row when the set is opened
            return
        found = compute_reference(case.ratings, question, self.reference)
        if found.overall is not NoOverall.NOT_RATED:
            self.whole += 1
            return
        self.partly += 1
        asked = {name for name, weight in question.weights.items() if weight}
        self.lacking.update(asked - found.levels.keys() - found.not_observed)

    def build(self, name: str, folder: Path, notices: tuple[str, ...]) -> ImportReport:
        """The report; criteria in the rubric's order, those with a rating."""
        known = {name for question in self.rubric.questions for name in (question.id, question.text)}
        counts = {
            criterion.id: CriterionCount(self.levels[criterion.id, True], self.levels[criterion.id, False])
            for criterion in self.rubric.criteria
        }
        return ImportReport(
            name=name,
            folder=folder,
            rubric=self.rubric.label,
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
