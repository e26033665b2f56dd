from __future__ import annotations

import pytest

from service.errors import RunInvalid
from service.evaluation.analysis.parts import Part, take_part
from tests.evaluation.tables import draw_reference, list_questions, make_source, make_table

LEVELS = draw_reference(1, 12)
CLUSTERS = list_questions(12, 3)
SOURCE = make_source(make_table(LEVELS, LEVELS, clusters=CLUSTERS), set_id="a-set", run_id="run-7", label="A run")
TUNED = (CLUSTERS[0],)


def test_a_part_has_the_cases_of_its_questions() -> None:
    tuned, held_out = take_part(SOURCE, Part.TUNED, TUNED), take_part(SOURCE, Part.HELD_OUT, TUNED)
    assert set(tuned.table.clusters) == set(TUNED)
    assert set(held_out.table.clusters) == set(CLUSTERS) - set(TUNED)
    assert set(tuned.table.case_ids) | set(held_out.table.case_ids) == set(SOURCE.table.case_ids)
    assert (tuned.identity.cases, held_out.identity.cases) == (4, 8)
    assert held_out.identity.label == "A run, held-out questions only"


def test_all_is_everything() -> None:
    assert take_part(SOURCE, Part.ALL, TUNED) is SOURCE


def test_a_set_that_names_no_questions_has_no_parts() -> None:
    with pytest.raises(RunInvalid, match="The set a-set names no questions in tuned_on, so it has no parts"):
        take_part(SOURCE, Part.HELD_OUT, ())


def test_an_empty_part() -> None:
    with pytest.raises(RunInvalid, match="No case of run-7 is in the part held-out"):
        take_part(SOURCE, Part.HELD_OUT, CLUSTERS)
