"""What a batch's ranking is computed with: its rubric, and how far its grader lies from people, where that is known."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np

from service.batches.ranking.error import UNMEASURED, GraderError, measure_grader_error
from service.batches.ranking.snapshot import Basis
from service.domain.batch import Batch, BatchSpec
from service.domain.rubric import Rubric
from service.errors import GraderError as AnyError
from service.errors import UnknownRubric
from service.wiring import Library


class Bases:
    """The bases of all batches; the measurement is looked up once for each grader."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._errors: dict[tuple[str, str, str], GraderError] = {}

    def get(self, batch: Batch) -> Basis:
        """Raises UnknownRubric when the rubric's file is gone or holds another text than the batch was graded with.

        Reading baselines takes up to a second the first time: call it in a thread.
        """
        spec = batch.spec
        return Basis(self.find_rubric(spec), spec.samples, self._find_error(spec))

    def find_rubric(self, spec: BatchSpec) -> Rubric:
        """The very rubric of the batch; raises UnknownRubric."""
        label = f"{spec.rubric.id}@v{spec.rubric.version}"
        rubric = self._library.rubrics.get(label)
        if rubric.content_hash != spec.rubric.hash:
            raise UnknownRubric(
                f"The rubric {label} has another text now than when this batch was graded. Put its file back."
            )
        return rubric

    def _find_error(self, spec: BatchSpec) -> GraderError:
        key = spec.rubric.hash, spec.prompt.hash, spec.model
        if key not in self._errors:
            found = (self._measure(name, spec) for name in self._library.evals.list_ids())
            self._errors[key] = next((error for error in found if error is not None), UNMEASURED)
        return self._errors[key]

    def _measure(self, set_id: str, spec: BatchSpec) -> GraderError | None:
        """By the accepted run of a set, when that is of the same rubric, prompt and model; else None."""
        from service.evaluation.baseline import BASELINE, read_baseline, tabulate_baseline

        with suppress(AnyError):  # a broken set says nothing, and is told of elsewhere
            path: Path = self._library.evals.find_folder(set_id) / BASELINE
            if not path.is_file():
                return None
            baseline = read_baseline(path)
            run = baseline.run
            if (run.rubric_hash, run.prompt_hash, run.model) != (spec.rubric.hash, spec.prompt.hash, spec.model):
                return None
            table = tabulate_baseline(baseline, self._library.evals.open(set_id), path)
            chosen = np.array([not base for base in table.bases])  # cases that were made from others would count twice
            error = measure_grader_error(
                table.reference_overall[chosen], table.overall[chosen, 0], f"the eval set {set_id}"
            )
            return error if error.is_measured else None
        return None
