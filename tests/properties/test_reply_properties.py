"""Whatever a model replies: a score rests on the candidate's own words, or there is none."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.domain.finding import Findings, Observed
from service.domain.grade import GRADE, CriterionScored, Scored, Unscored
from service.domain.task import GradingTask, Mode
from service.grading.pipeline import grade_answer
from service.grading.reply import ReplyProblems, read_reply
from service.llm.scripted import ScriptedBackend
from tests.factories import ANSWER_TEXT, make_judgement, make_reply_text, make_task
from tests.grades import Shelf, make_grader, make_job

TASKS = {mode: make_task(mode=mode) for mode in Mode}
GOOD = make_reply_text()
PLAIN = make_judgement(TASKS[Mode.PRACTICE]).model_dump(mode="json")

CHARACTERS = st.one_of(st.sampled_from('{}[]",:0459.eE-\\ntfu\ud83d\x00 '), st.characters())
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 7),
    st.floats(),
    st.text(CHARACTERS, max_size=20),
    st.sampled_from(["empathy", "resolution", "not_observed", "4", "listens", "follows-up", "blames-customer"]),
    st.sampled_from([ANSWER_TEXT, "I let her finish", "I would never", "sent the replacement the same day"]),
)
VALUES = st.recursive(
    LEAVES,
    lambda inside: (
        st.lists(inside, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["criteria", "feedback", "empathy", "resolution", "quotes", "level", "rationale", "summary"]
            )
            | st.text(max_size=5),
            inside,
            max_size=4,
        )
    ),
    max_leaves=15,
)


def list_places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value inside a value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [place for key, one in inside for place in list_places(one, (*path, key))]


PLACES = list_places(PLAIN)


@st.composite
def changed_values(draw: st.DrawFn) -> str:
    """A good reply of which some values are replaced, swapped or dropped."""
    plain = json.loads(GOOD)
    for _ in range(draw(st.integers(1, 4))):
        *way, last = draw(st.sampled_from(PLACES))
        owner = plain
        try:
            for key in way:
                owner = owner[key]
            if draw(st.booleans()):
                owner[last] = draw(LEAVES | VALUES)
            else:
                del owner[last]
        except (KeyError, IndexError, TypeError):  # an earlier change took the place away
            continue
    return json.dumps(plain, ensure_ascii=draw(st.booleans()))


@st.composite
def changed_characters(draw: st.DrawFn) -> str:
    """A good reply with characters inserted, deleted or replaced."""
    text = GOOD
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.sampled_from([0, 1, 1, 3, 200])))
        text = text[:start] + draw(st.text(CHARACTERS, max_size=3)) + text[end:]
    return text


REPLIES = st.one_of(
    changed_values(),
    changed_characters(),
    VALUES.map(json.dumps),
    st.text(CHARACTERS, max_size=100),
    st.tuples(
        st.sampled_from(["", "```json\n", "<think>", "<think>x</think>"]),
        changed_values(),
        st.sampled_from(["", "\n```", GOOD]),
    ).map("".join),
    st.just(GOOD),
)


def check_findings(findings: Findings, task: GradingTask) -> None:
    assert [finding.criterion for finding in findings.criteria] == list(task.criteria)
    quotes = [strength.quote for strength in findings.feedback.strengths]
    for finding in findings.criteria:
        if isinstance(finding, Observed):
            assert finding.evidence
            assert finding.level in {1.0, 2.0, 3.0, 4.0, 5.0}
            located = [*finding.evidence, *(found.evidence for found in finding.red_flags)]
            assert all(ANSWER_TEXT[one.start : one.end] == one.quote for one in located)
            quotes += [one.quote for one in located]
    assert all(len(quote.split()) >= 3 and quote in ANSWER_TEXT for quote in quotes)


@settings(max_examples=300)
@given(reply=REPLIES, mode=st.sampled_from(Mode))
@example(reply="{" * 5_000, mode=Mode.PRACTICE)
@example(reply='{"criteria":' * 5_000, mode=Mode.PRACTICE)
@example(reply="9" * 10_000, mode=Mode.SCREENING)
def test_no_reply_crashes_or_gives_a_level_without_evidence(reply: str, mode: Mode) -> None:
    try:
        findings = read_reply(reply, TASKS[mode])
    except ReplyProblems:
        return
    check_findings(findings, TASKS[mode])


def run(replies: list[str], mode: Mode, samples: int) -> Scored | Unscored:
    job = make_job(mode=mode, samples=samples)
    shelf = Shelf()
    last = replies[-1]
    script = iter(replies)
    backend = ScriptedBackend(lambda request: next(script, last))
    graded = asyncio.run(grade_answer(job, make_grader(backend, shelf)))
    assert shelf.grades == [graded]
    return graded


@given(
    replies=st.lists(REPLIES, min_size=1, max_size=3), mode=st.sampled_from(Mode), samples=st.sampled_from([1, 1, 2])
)
def test_a_grade_is_scored_only_with_evidence_and_can_be_read_back(
    replies: list[str], mode: Mode, samples: int
) -> None:
    graded = run(replies, mode, samples)
    assert GRADE.validate_json(graded.model_dump_json()) == graded
    if isinstance(graded, Unscored):
        assert graded.reason.message
        return
    scored = [criterion for criterion in graded.criteria if isinstance(criterion, CriterionScored)]
    assert scored
    for criterion in scored:
        assert all(ANSWER_TEXT[one.start : one.end] == one.quote for one in criterion.evidence)
    assert 1 <= graded.overall.score <= 5
    if mode is Mode.SCREENING:
        assert all(criterion.advice is None for criterion in graded.criteria)
        assert not any("Say that you let the customer finish." in raw for raw in graded.provenance.raw_replies)
