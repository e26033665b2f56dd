"""The promise of the default grader: a model answer stands out from its first sentence, another and a hostile one."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import yaml

from service.assets.rubrics import load_rubric
from service.domain.answer import Answer
from service.domain.rubric import Question, Rubric
from service.domain.score import compute_score
from service.domain.task import GradingTask, Mode
from service.grading.reply import verify_judgement
from service.llm.embedded.index import RubricIndex
from service.llm.embedded.judge import judge_answer
from service.llm.embedded.sentences import split_units
from service.llm.embedded.vectors import WordVectors

ROOT = Path(__file__).parents[2]
QUESTIONS = 28
NEEDED = 26  # of them
ONE_LEVEL = 1.0 - 1e-9  # scores are weighted means: 4.1428 - 3.1428 is .9999999999999996
BANDS = {"very-low": (1.0, 1.75), "low": (1.0, 2.5), "middle": (2.0, 3.75), "high": (3.25, 5.0)}
SPLIT_SEED = 20_261_121  # which half of the questions the thresholds were set on


@dataclass(frozen=True)
class Grader:
    """Overall scores (1.0–5.0) of answers, as the service computes them; 1.0 when nothing was observed."""

    rubric: Rubric
    index: RubricIndex

    def score(self, text: str, question: Question) -> float:
        task = GradingTask(
            rubric=self.rubric,
            question=question,
            criteria=self.rubric.get_criteria(question),
            answer=Answer(text=text),
            mode=Mode.PRACTICE,
        )
        findings = verify_judgement(judge_answer(task, self.index), task)
        overall = compute_score([findings], question.weights).overall
        return 1.0 if overall is None else overall


@pytest.fixture(scope="session")
def vectors() -> WordVectors:
    return WordVectors.load()


def load_grader(name: str, vectors: WordVectors) -> Grader:
    rubric = load_rubric(ROOT / "rubrics" / name / "v1.yaml")
    return Grader(rubric, RubricIndex.build(vectors, rubric))


@pytest.fixture(scope="session")
def customers(vectors: WordVectors) -> Grader:
    grader = load_grader("handling-difficult-customers", vectors)
    assert len(grader.rubric.questions) == QUESTIONS
    return grader


def load_data(name: str) -> Any:
    return yaml.safe_load((ROOT / "tests" / "data" / name).read_text("utf-8"))


def get_model_answer(question: Question) -> str:
    assert question.model_answer is not None
    return question.model_answer


def get_first_sentence(text: str) -> str:
    return split_units(text)[0].text


ScoreAnswer = Callable[[int, int], float]


@pytest.fixture(scope="session")
def score_answer(customers: Grader) -> ScoreAnswer:
    """`score_answer(q, a)`: the score of the model answer of question `a`, given to question `q`."""
    questions = customers.rubric.questions
    return cache(lambda q, a: customers.score(get_model_answer(questions[a]), questions[q]))


def test_model_answer_is_a_level_above_its_first_sentence(customers: Grader, score_answer: ScoreAnswer) -> None:
    questions = customers.rubric.questions
    gaps = [
        score_answer(i, i) - customers.score(get_first_sentence(get_model_answer(one)), one)
        for i, one in enumerate(questions)
    ]
    assert sum(gap >= ONE_LEVEL for gap in gaps) >= NEEDED


def test_model_answer_is_a_level_above_the_hostile_answer(customers: Grader, score_answer: ScoreAnswer) -> None:
    hostile = load_data("hostile_answers.yaml")
    questions = customers.rubric.questions
    gaps = [score_answer(i, i) - customers.score(hostile[one.id], one) for i, one in enumerate(questions)]
    assert sum(gap >= ONE_LEVEL for gap in gaps) >= NEEDED


def test_model_answer_is_a_level_above_the_next_questions_answer(score_answer: ScoreAnswer) -> None:
    gaps = [score_answer(i, i) - score_answer(i, (i + 1) % QUESTIONS) for i in range(QUESTIONS)]
    assert sum(gap >= ONE_LEVEL for gap in gaps) >= NEEDED


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.slow)])  # all of them take 15 s with coverage
def test_model_answer_is_a_level_above_other_answers_on_average(score_answer: ScoreAnswer, step: int) -> None:
    gaps = [
        score_answer(i, i) - fmean(score_answer(i, (i + ahead) % QUESTIONS) for ahead in range(1, QUESTIONS, step))
        for i in range(QUESTIONS)
    ]
    assert sum(gap >= ONE_LEVEL for gap in gaps) >= NEEDED


def test_model_answers_are_solid_or_strong(score_answer: ScoreAnswer) -> None:
    scores = [score_answer(i, i) for i in range(QUESTIONS)]
    assert fmean(scores) >= 4.0
    assert sum(score >= 3.5 for score in scores) >= 24
    assert min(scores) >= 2.5


def test_second_rubric_needs_no_code(vectors: WordVectors) -> None:
    grader = load_grader("behavioural-interview", vectors)
    for question in grader.rubric.questions:
        score = grader.score(get_model_answer(question), question)
        assert score >= 3.0
        assert score - grader.score(get_first_sentence(get_model_answer(question)), question) >= 1.0


@pytest.mark.parametrize(("half", "needed"), [("tuned", 0.79), ("held-out", 0.73)])
def test_share_of_calibration_answers_within_their_band(customers: Grader, half: str, needed: float) -> None:
    """Measured: 45 of 53 on the half that the thresholds were set on, 40 of 53 on the other."""
    ids = [question.id for question in customers.rubric.questions]
    random.Random(SPLIT_SEED).shuffle(ids)
    chosen = set(ids[:14] if half == "tuned" else ids[14:])
    cases = [case for case in load_data("calibration_answers.yaml") if case["question"] in chosen]
    within = 0
    for case in cases:
        low, high = BANDS[case["expected"]["overall"]]
        within += low <= customers.score(case["answer"], customers.rubric.get_question(case["question"])) <= high
    assert within / len(cases) >= needed


@pytest.mark.parametrize("name", sorted(load_data("embedded_off_topic.yaml")))
def test_what_says_nothing_of_service_scores_nothing(customers: Grader, name: str) -> None:
    text = load_data("embedded_off_topic.yaml")[name]
    assert fmean(customers.score(text, question) for question in customers.rubric.questions) <= 1.3


@pytest.mark.parametrize("name", ["keywords", "bullets", "tools", "self_praise", "code"])
def test_words_without_acts_score_nothing(customers: Grader, name: str) -> None:
    text = load_data("embedded_off_topic.yaml")[name]
    assert max(customers.score(text, question) for question in customers.rubric.questions) == 1.0


def test_restating_the_question_scores_nothing(customers: Grader) -> None:
    for question in customers.rubric.questions:
        assert customers.score(question.text, question) <= 1.5


def test_a_free_question_is_graded_by_its_criteria(customers: Grader) -> None:
    question = customers.rubric.get_question("How do you deal with a customer whose delivery is late again?")
    good = get_model_answer(customers.rubric.questions[0])
    assert customers.score(good, question) - customers.score(get_first_sentence(good), question) >= 1.0
