"""What a batch has cost so far, against its limit."""

from __future__ import annotations

from service.domain.batch import Counts
from service.domain.grade import Scored, Unscored


class Spending:
    """The cost as the store told last, plus what this process has spent since: overshoots by the calls in flight.

    With several workers also by what the others spent since the last look, a second ago.
    """

    def __init__(self, limit_usd: float | None) -> None:
        self.limit_usd = limit_usd
        self._stored_usd: float | None = 0.0
        self._own_usd = 0.0

    def see(self, counts: Counts) -> None:
        """What the store says. Grades that were added here and are not yet stored are few, and seen next time."""
        self._stored_usd, self._own_usd = counts.cost_usd, 0.0

    def add(self, grade: Scored | Unscored) -> None:
        """A grade of this process."""
        self._own_usd += grade.provenance.cost_usd or 0.0

    def explain_stop(self) -> str | None:
        """Why nothing more may be spent; None while it may."""
        if self.limit_usd is None:
            return None
        if self._stored_usd is None:
            return (
                "The provider did not say what some answers cost, so the spending limit cannot be kept. Declare the "
                "model's prices in GRADER_MODEL_PROFILES and submit the rest anew, or resume without a limit (0)."
            )
        spent = self._stored_usd + self._own_usd
        if spent < self.limit_usd:
            return None
        return (
            f"The batch has cost {spent:.2f} US dollars, its limit is {self.limit_usd:.2f}. Resume with a higher one."
        )
