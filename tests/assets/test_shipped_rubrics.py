"""The shipped rubrics hold what was asked for, and the code knows nothing of what they are about."""

from __future__ import annotations

import io
import tokenize
from pathlib import Path

import pytest

from service.assets.folders import find_folder
from service.assets.rubrics import RubricLibrary
from service.domain.rubric import Criterion, Question, QuestionKind, Rubric, StoryPart

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = RubricLibrary(find_folder("rubrics"))
CUSTOMERS = LIBRARY.get("handling-difficult-customers@v1")
BEHAVIOURAL = LIBRARY.get("behavioural-interview@v1")
RUBRICS = [pytest.param(rubric, id=rubric.id) for rubric in (CUSTOMERS, BEHAVIOURAL)]
CRITERIA = [
    pytest.param(criterion, id=criterion.id) for rubric in (CUSTOMERS, BEHAVIOURAL) for criterion in rubric.criteria
]
QUESTIONS = [
    pytest.param(rubric, question, id=question.id)
    for rubric in (CUSTOMERS, BEHAVIOURAL)
    for question in rubric.questions
]
CUSTOMER_CRITERIA = [
    "active-listening-and-empathy",
    "de-escalation",
    "problem-solving",
    "boundaries-and-professionalism",
    "communication-and-adaptability",
    "conflict-resolution",
    "documentation-and-follow-up",
    "self-care-and-stress",
]
CUSTOMER_QUESTIONS = [
    "de-escalate-angry-customer",
    "consistently-unreasonable-customer",
    "empathise-with-frustration",
    "find-root-cause",
    "time-you-apologised",
    "composure-under-abuse",
    "active-listening-example",
    "cannot-resolve-immediately",
    "prevent-escalation",
    "right-level-of-authority",
    "involved-a-supervisor",
    "needs-versus-policy",
    "unreasonable-demands",
    "phone-email-in-person",
    "document-difficult-interactions",
    "above-and-beyond",
    "verbal-abuse",
    "satisfaction-within-procedures",
    "stress-with-many-difficult-customers",
    "prioritise-at-peak",
    "difficult-decision",
    "unrealistic-expectations",
    "understand-crm",
    "conflict-resolution-techniques",
    "service-software-experience",
    "legal-threat",
    "unfamiliar-with-technology",
    "refuses-to-cooperate",
]
BEHAVIOURAL_CRITERIA = ["situation-and-task", "own-action", "result", "reflection", "teamwork", "relevance"]
BEHAVIOURAL_QUESTIONS = [
    "tell-me-about-a-challenge",
    "worked-in-a-team",
    "learned-a-new-skill",
    "made-a-mistake",
    "hard-decision",
    "disagreed-with-someone",
]
STORY = (StoryPart.SITUATION, StoryPart.ACTION, StoryPart.RESULT, StoryPart.LEARNING)


@pytest.mark.parametrize(
    ("rubric", "criteria", "questions"),
    [
        pytest.param(CUSTOMERS, CUSTOMER_CRITERIA, CUSTOMER_QUESTIONS, id="customers"),
        pytest.param(BEHAVIOURAL, BEHAVIOURAL_CRITERIA, BEHAVIOURAL_QUESTIONS, id="behavioural"),
    ],
)
def test_criteria_and_questions_stand_in_the_agreed_order(
    rubric: Rubric, criteria: list[str], questions: list[str]
) -> None:
    assert [criterion.id for criterion in rubric.criteria] == criteria
    assert [question.id for question in rubric.questions] == questions


def test_the_first_domain_has_eight_criteria_and_twenty_eight_questions() -> None:
    assert (len(CUSTOMERS.criteria), len(CUSTOMERS.questions)) == (8, 28)


def test_there_are_no_other_rubrics_that_nobody_checks() -> None:
    assert LIBRARY.list_labels() == (BEHAVIOURAL.label, CUSTOMERS.label)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_a_criterion_has_five_to_eight_indicators_each_with_a_tip(criterion: Criterion) -> None:
    assert 5 <= len(criterion.indicators) <= 8
    for indicator in criterion.indicators:
        assert len(indicator.tip.split()) >= 5, indicator.id
        assert len(indicator.examples) >= 4, indicator.id
        assert len(set(indicator.examples)) == len(indicator.examples), indicator.id


@pytest.mark.parametrize("criterion", CRITERIA)
def test_levels_one_three_and_five_have_an_example(criterion: Criterion) -> None:
    assert [level.level for level in criterion.levels] == [1, 2, 3, 4, 5]
    assert all(level.example for level in criterion.levels if level.level in (1, 3, 5))
    assert len({level.anchor for level in criterion.levels}) == 5


@pytest.mark.parametrize("criterion", CRITERIA)
def test_red_flags_cap_below_the_top(criterion: Criterion) -> None:
    assert criterion.red_flags
    assert all(red_flag.caps_at <= 3 for red_flag in criterion.red_flags)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_a_criterion_says_what_it_is_not(criterion: Criterion) -> None:
    assert len(criterion.definition.is_.split()) >= 8
    assert len(criterion.definition.is_not.split()) >= 8


@pytest.mark.parametrize(("rubric", "question"), QUESTIONS)
def test_a_question_comes_with_all_a_candidate_learns_from(rubric: Rubric, question: Question) -> None:
    assert question.model_answer is not None
    assert 120 <= len(question.model_answer.split()) <= 220
    assert 4 <= len(question.key_points) <= 8
    assert 1 <= len(question.follow_ups) <= 2
    assert question.text[-1] in "?."


@pytest.mark.parametrize("question", [pytest.param(question, id=question.id) for question in CUSTOMERS.questions])
def test_a_customer_question_exercises_two_to_five_criteria(question: Question) -> None:
    assert 2 <= len(CUSTOMERS.get_criteria(question)) <= 5


@pytest.mark.parametrize(("rubric", "question"), QUESTIONS)
def test_a_question_about_the_past_wants_a_whole_story(rubric: Rubric, question: Question) -> None:
    assert question.wants == (STORY if question.kind is QuestionKind.PAST_BEHAVIOUR else ())


def test_products_are_listed_where_a_question_is_about_software() -> None:
    tools = {question.id: question.tools for question in CUSTOMERS.questions if question.tools}
    assert set(tools) == {"understand-crm", "service-software-experience"}
    assert {"Salesforce", "Zendesk", "Freshdesk", "Intercom", "HubSpot CRM"} <= {
        *tools["understand-crm"],
        *tools["service-software-experience"],
    }


@pytest.mark.parametrize("rubric", RUBRICS)
def test_what_must_never_move_a_level_is_named(rubric: Rubric) -> None:
    named = " ".join(rubric.forbidden_evidence).lower()
    for word in (
        *("accent", "fluency", "filler", "grammar", "name", "age", "health", "disability", "sex", "gender", "origin"),
        *("religion", "family", "protected trait", "confidence", "enthusiasm", "length"),
    ):
        assert word in named, word


@pytest.mark.parametrize("rubric", RUBRICS)
def test_every_criterion_is_asked_about(rubric: Rubric) -> None:
    asked = {criterion.id for question in rubric.questions for criterion in rubric.get_criteria(question)}
    assert asked == {criterion.id for criterion in rubric.criteria}


@pytest.mark.parametrize("rubric", RUBRICS)
def test_a_question_of_ones_own_can_be_graded(rubric: Rubric) -> None:
    assert rubric.get_question("What would you do in my place?").id == "free-question"


# Lists of people whom somebody may serve, work with or talk about; the word is one of twenty in them.
WORD_LISTS = {
    *("domain/injection.py", "domain/injection_rules.py", "llm/embedded/conduct.py"),
    "evaluation/robustness/rewriting.py",
}


def test_no_word_of_the_first_domain_stands_in_the_code() -> None:
    ids = {criterion.id for criterion in CUSTOMERS.criteria} | {CUSTOMERS.id}
    words = {"customer"} | ids | {word.replace("-", "_") for word in ids}
    found = [
        f"{path.relative_to(ROOT)}:{token.start[0]}: {token.string.strip()[:60]}"
        for path in sorted((ROOT / "service").rglob("*.py"))
        if str(path.relative_to(ROOT / "service")) not in WORD_LISTS
        for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
        if token.type in (tokenize.NAME, tokenize.STRING) and any(word in token.string.lower() for word in words)
    ]
    assert found == [], "Rubrics are data: say it in general words, or read it from the rubric"
