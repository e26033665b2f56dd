"""What a run has come to so far: counts, tokens, cost, and the cases that could not be graded."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from service.domain.grade import Scored, Unscored
from service.errors import (
    BackendError,
    BackendKeyRejected,
    BackendModelMissing,
    BackendNotInstalled,
    LiveCallRefused,
    RecordingInvalid,
    RecordingMissing,
    RunIncomplete,
)
from service.evaluation.journal import Place

MOST_IN_A_ROW = 20
NAMED = 5  # case ids told for each kind of failure
# What fails one case like this fails every case: going on would only cost time.
OF_EVERY_CASE = (BackendKeyRejected, BackendModelMissing, LiveCallRefused, BackendNotInstalled, RecordingInvalid)


@dataclass(frozen=True, slots=True)
class RunProgress:
    """How far a run is. `earlier` of the `done` were graded before this process, whose `seconds` are; tokens and cost
    (US dollars) are sums over all done, None when a reply did not tell.
    """

    total: int
    done: int
    earlier: int
    scored: int
    unscored: Mapping[str, int]
    failed: int
    tokens_in: int | None
    tokens_out: int | None
    cost_usd: float | None
    seconds: float

    @property
    def per_second(self) -> float:
        """Grades a second of this process; 0.0 before the first."""
        return (self.done - self.earlier) / self.seconds if self.seconds else 0.0


RunListener = Callable[[RunProgress], Awaitable[None]]


async def ignore_run_progress(progress: RunProgress) -> None:
    """The listener of a caller that only wants the result."""


class Tally:
    """Adds up grades as they come, from this process or from the file."""

    def __init__(self, total: int, earlier_seconds: float = 0.0) -> None:
        self.total = total
        self._earlier_seconds = earlier_seconds
        self.earlier = 0
        self.scored = 0
        self.unscored: Counter[str] = Counter()
        self.failed = 0
        self._tokens_in: int | None = 0
        self._tokens_out: int | None = 0
        self._cost_usd: float | None = 0.0
        self._started = time.monotonic()

    @property
    def done(self) -> int:
        return self.scored + sum(self.unscored.values())

    @property
    def worked_seconds(self) -> float:
        """Of this process and of those before it."""
        return self._earlier_seconds + time.monotonic() - self._started

    def add(self, grade: Scored | Unscored) -> None:
        made = grade.provenance
        self._count(grade.reason.code if grade.reason else None)
        self._sum(made.tokens.input, made.tokens.output, made.cost_usd)

    def add_earlier(self, grade: Mapping[str, Any]) -> None:
        """A grade as plain data, graded before this process."""
        made = grade["provenance"]
        self.earlier += 1
        self._count(grade["reason"]["code"] if grade["reason"] else None)
        self._sum(made["tokens"]["input"], made["tokens"]["output"], made["cost_usd"])

    def report(self) -> RunProgress:
        return RunProgress(
            total=self.total,
            done=self.done,
            earlier=self.earlier,
            scored=self.scored,
            unscored=dict(sorted(self.unscored.items())),
            failed=self.failed,
            tokens_in=self._tokens_in,
            tokens_out=self._tokens_out,
            cost_usd=self._cost_usd,
            seconds=time.monotonic() - self._started,
        )

    def _count(self, reason: str | None) -> None:
        if reason is None:
            self.scored += 1
        else:
            self.unscored[str(reason)] += 1

    def _sum(self, tokens_in: int | None, tokens_out: int | None, cost_usd: float | None) -> None:
        """A partial sum would pass for the whole: one unknown makes the sum unknown."""
        self._tokens_in = None if tokens_in is None or self._tokens_in is None else self._tokens_in + tokens_in
        self._tokens_out = None if tokens_out is None or self._tokens_out is None else self._tokens_out + tokens_out
        self._cost_usd = None if cost_usd is None or self._cost_usd is None else self._cost_usd + cost_usd


class Failures:
    """The cases that the backend failed. `stops`: whether a failure that looks general ends the run."""

    def __init__(self, tally: Tally, stops: bool = True) -> None:
        self._tally = tally
        self._stops = stops
        self._by_code: dict[str, list[str]] = {}
        self._advice: dict[str, str] = {}  # what the first failure of a kind said
        self._in_a_row = 0

    def __bool__(self) -> bool:
        return bool(self._by_code)

    def note_success(self) -> None:
        self._in_a_row = 0

    def note(self, place: Place, error: BackendError) -> None:
        """Counts the failure. Raises it again, saying how far the run is, when every case would fail like this."""
        self._tally.failed += 1
        self._in_a_row += 1
        self._by_code.setdefault(error.code, []).append(place.case)
        self._advice.setdefault(error.code, str(error))
        if not self._stops:
            return
        if isinstance(error, RecordingMissing):  # fails closed: a run over what happens to be recorded is another run
            raise RecordingMissing(
                f"case {place.case}: {error} {self._tally.done} of {self._tally.total} were done."
            ) from None
        if isinstance(error, OF_EVERY_CASE):
            raise type(error)(f"{error} {self._say_how_far()}") from None
        if self._in_a_row >= MOST_IN_A_ROW:
            raise RunIncomplete(f"{MOST_IN_A_ROW} failures in a row; the last: {error} {self._say_how_far()}") from None

    def build_error(self) -> RunIncomplete:
        """What could not be graded, by kind, with the first case ids and what the first failure said."""
        told = " ".join(self._describe(code, cases) for code, cases in sorted(self._by_code.items()))
        return RunIncomplete(f"{self._tally.failed} could not be graded: {told} {self._say_how_far()}")

    def _describe(self, code: str, cases: list[str]) -> str:
        distinct = list(dict.fromkeys(cases))
        more = f" and {len(distinct) - NAMED} more" if len(distinct) > NAMED else ""
        return f"{code} {len(cases)} ({', '.join(distinct[:NAMED])}{more}): {self._advice[code]}"

    def _say_how_far(self) -> str:
        return f"{self._tally.done} of {self._tally.total} are done; run the same command again: it continues there."
