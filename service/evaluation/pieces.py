"""What a run is made of, and which of it is still to be graded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from service.domain.case import Case
from service.errors import RunInvalid
from service.evaluation.folder import GRADE_KEYS, GRADES, RunFolder
from service.evaluation.journal import Place
from service.evaluation.lines import read_lines
from service.evaluation.tally import Tally


@dataclass(frozen=True, slots=True)
class Piece:
    """One grading to do: a case, and which repeat of it (from 0)."""

    case: Case
    repeat: int

    @property
    def place(self) -> Place:
        return Place(self.case.id, self.repeat)


class Remaining:
    """Which pieces of a run are still to be graded."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._done: set[Place] = set()
        self._done_cases: set[int] = set()  # places in the file of cases whose every repeat is done

    def load(self, tally: Tally) -> None:
        """Reads the grades that are there; raises RunInvalid with file and line."""
        path = self._folder.path / GRADES
        if not path.exists() or not path.stat().st_size:
            return
        repeats = range(self._folder.plan.repeats)
        known = {case.id: number for number, case in enumerate(self._folder.iterate_cases())}
        for line in read_lines(path, *GRADE_KEYS, skips_torn=True):
            place = Place(line.content["case"], line.content["repeat"])
            if place.case not in known or place.repeat not in repeats or place in self._done:
                raise RunInvalid(
                    f"{path} line {line.number}: expected a case of this run, once for each repeat. Restore the file "
                    "from a copy, or run again (--again)."
                )
            self._done.add(place)
            tally.add_earlier(line.content["grade"])
        self._done_cases = {
            number for case, number in known.items() if all(Place(case, repeat) in self._done for repeat in repeats)
        }

    def is_done(self, place: Place) -> bool:
        return place in self._done

    def iterate(self) -> Iterator[Piece]:
        """What is still to do, read from the disk as it is asked for.

        Cases that are done are not even parsed: doing so for 20,000 of them kept a server waiting for 0.3 s.
        """
        for case in self._folder.iterate_cases(self._done_cases):
            for repeat in range(self._folder.plan.repeats):
                if Place(case.id, repeat) not in self._done:
                    yield Piece(case, repeat)
