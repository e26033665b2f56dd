"""How much of an answer was pasted from the rubric."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from service.assets.folders import find_folder
from service.assets.rubrics import RubricLibrary
from service.domain.copying import measure_copied_share
from service.domain.rubric import Question
from service.grading.flags import COPIED_SHARE

DATA = Path(__file__).parents[1] / "data"
RUBRIC = RubricLibrary(find_folder("rubrics")).get("handling-difficult-customers")
WRITTEN_WITHOUT_IT = [
    *(case["answer"] for case in yaml.safe_load((DATA / "calibration_answers.yaml").read_text("utf-8"))),
    *yaml.safe_load((DATA / "hostile_answers.yaml").read_text("utf-8")).values(),
]


def test_answers_written_without_the_rubric_share_next_to_nothing_with_it() -> None:
    assert len(WRITTEN_WITHOUT_IT) > 100
    assert max(measure_copied_share(answer, RUBRIC) for answer in WRITTEN_WITHOUT_IT) < COPIED_SHARE / 2


@pytest.mark.parametrize("question", RUBRIC.questions[::5], ids=lambda question: question.id)
def test_pasted_tips_key_points_and_model_answers_are_found(question: Question) -> None:
    tips = " ".join(one.tip for criterion in RUBRIC.get_criteria(question) for one in criterion.indicators)
    for pasted in (tips, ". ".join(question.key_points), question.model_answer or ""):
        assert measure_copied_share(pasted, RUBRIC) > 0.5


def test_one_pasted_tip_among_ten_sentences_is_a_small_share() -> None:
    own = WRITTEN_WITHOUT_IT[0]
    assert 0 < measure_copied_share(f"{own} {RUBRIC.criteria[0].indicators[0].tip}", RUBRIC) < 0.5
    assert measure_copied_share("Too short to tell.", RUBRIC) == 0.0
