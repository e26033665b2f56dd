"""Small valid objects for tests: a rubric of two criteria, a task, a request, a reply."""

from __future__ import annotations

import json
from typing import Any

from service.domain.answer import Answer, AnswerKind
from service.domain.judgement import (
    NOT_OBSERVED,
    CriterionJudgement,
    FeedbackJudgement,
    ImprovementClaim,
    Judgement,
    StrengthClaim,
)
from service.domain.rubric import (
    Band,
    Criterion,
    Definition,
    FreeQuestion,
    Indicator,
    Level,
    Question,
    QuestionKind,
    RedFlag,
    Rubric,
    StoryPart,
)
from service.domain.task import GradingTask, Mode
from service.llm.base import Message, Parameters, Request

ANSWER_TEXT = (
    "I let her finish without interrupting and told her that I understood why she was upset. "
    "Then I looked up the order and sent the replacement the same day. "
    "Two days later I called to check that it had arrived."
)


def make_levels(topic: str) -> tuple[Level, ...]:
    """Five levels; 1, 3 and 5 with the example sentence that they need."""
    return (
        Level(level=1, anchor=f"Works against {topic}.", example="I told him it was not my problem."),
        Level(level=2, anchor=f"Shows little {topic}."),
        Level(level=3, anchor=f"Shows {topic} when asked.", example="I listened and then answered."),
        Level(level=4, anchor=f"Shows {topic} unasked."),
        Level(level=5, anchor=f"Shows {topic} and checks that it worked.", example="I called back to check."),
    )


def make_empathy() -> Criterion:
    """Two indicators and one red flag, which caps at 2."""
    return Criterion(
        id="empathy",
        name="Empathy",
        definition=Definition.model_validate(
            {"is": "Shows that the customer's feelings were heard.", "is_not": "Agreeing with every demand."}
        ),
        levels=make_levels("empathy"),
        indicators=(
            Indicator(
                id="listens",
                behaviour="Lets the customer finish before answering.",
                tip="Say that you let the customer finish.",
                examples=("I let her finish.", "I listened without interrupting."),
            ),
            Indicator(
                id="names-feeling",
                behaviour="Names the customer's feeling.",
                tip="Say what the customer felt, in your own words.",
                examples=("I told her that her anger made sense to me.", "I said that I saw how annoying it was."),
            ),
        ),
        red_flags=(
            RedFlag(
                id="blames-customer",
                behaviour="Blames the customer.",
                caps_at=2,
                examples=("I told him it was his own fault.", "She should have read the manual."),
            ),
        ),
    )


def make_resolution() -> Criterion:
    """One indicator, no red flag."""
    return Criterion(
        id="resolution",
        name="Resolution",
        definition=Definition.model_validate(
            {"is": "Solves the problem and follows up.", "is_not": "Passing the customer on."}
        ),
        levels=make_levels("resolution"),
        indicators=(
            Indicator(
                id="follows-up",
                behaviour="Checks afterwards that the solution worked.",
                tip="Say how you checked that it worked.",
                examples=("I rang him to see whether it worked.", "A week later I asked whether all was well."),
            ),
        ),
    )


def make_rubric(**changes: Any) -> Rubric:
    """A valid rubric of two criteria and two questions; `changes` replace fields."""
    fields: dict[str, Any] = {
        "format": 1,
        "id": "small",
        "version": 1,
        "title": "Small rubric",
        "description": "Two criteria, for tests.",
        "language": "en",
        "forbidden_evidence": ("The length of the answer.",),
        "bands": (
            Band(at_least=1.0, name="Developing", meaning="Needs practice."),
            Band(at_least=3.0, name="Capable", meaning="Does the job."),
            Band(at_least=4.5, name="Strong", meaning="Sets an example."),
        ),
        "criteria": (make_empathy(), make_resolution()),
        "free_question": FreeQuestion(kind=QuestionKind.SITUATIONAL, weights={"empathy": 1, "resolution": 1}),
        "questions": (
            Question(
                id="angry-customer",
                text="Tell me about a time you dealt with an angry customer.",
                kind=QuestionKind.PAST_BEHAVIOUR,
                weights={"empathy": 2, "resolution": 1},
                key_points=("Stays calm", "Solves the problem"),
                follow_ups=("What did you learn?",),
                wants=(StoryPart.SITUATION, StoryPart.ACTION, StoryPart.RESULT),
                model_answer="I listened, apologised, replaced the item and called back.",
            ),
            Question(
                id="empathy-only",
                text="How do you show a customer that you understand?",
                kind=QuestionKind.APPROACH,
                weights={"empathy": 1},
            ),
        ),
    }
    return Rubric.model_validate({**fields, **changes})


def make_task(
    answer: str = ANSWER_TEXT,
    *,
    question: str = "angry-customer",
    mode: Mode = Mode.PRACTICE,
    rubric: Rubric | None = None,
    kind: AnswerKind = AnswerKind.TYPED,
) -> GradingTask:
    """A task about all criteria that the question (an id or a text) exercises."""
    rubric = rubric or make_rubric()
    asked = rubric.get_question(question)
    return GradingTask(
        rubric=rubric,
        question=asked,
        criteria=rubric.get_criteria(asked),
        answer=Answer(text=answer, kind=kind),
        mode=mode,
    )


def make_reply_schema(task: GradingTask) -> dict[str, Any]:
    """A strict JSON schema of a reply: per criterion a rationale and a level; smaller than the real one."""
    criterion = {
        "type": "object",
        "properties": {
            "rationale": {"type": "string", "maxLength": 40},
            "level": {"enum": [1, 2, 3, 4, 5, NOT_OBSERVED]},
        },
        "required": ["rationale", "level"],
        "additionalProperties": False,
    }
    ids = [one.id for one in task.criteria]
    return {
        "type": "object",
        "properties": dict.fromkeys(ids, criterion),
        "required": ids,
        "additionalProperties": False,
    }


def make_request(
    task: GradingTask | None = None,
    *,
    system: str = "You grade interview answers.\nReply in JSON.",
    user: str | None = None,
    temperature: float = 0.0,
    max_tokens: int = 500,
    seed: int = 7,
    sample: int = 0,
) -> Request:
    """A request about the task: a system message and a user message that holds question and answer."""
    task = task or make_task()
    return Request(
        messages=(
            Message("system", system),
            Message("user", user or f"Question: {task.question.text}\nAnswer: {task.answer.text}"),
        ),
        reply_schema=make_reply_schema(task),
        parameters=Parameters(temperature=temperature, max_tokens=max_tokens, seed=seed),
        sample=sample,
        task=task,
    )


def make_judgement(task: GradingTask, *, level: int = 4) -> Judgement:
    """A valid judgement: each criterion at `level`, quoting the answer's first sentence."""
    quote = task.answer.text.split(". ")[0]
    first = task.criteria[0]
    return Judgement(
        criteria={
            criterion.id: CriterionJudgement(
                quotes=(quote,),
                indicators_shown=(criterion.indicators[0].id,),
                rationale=f"The answer shows {criterion.name.lower()}.",
                level=level,
                advice=criterion.indicators[0].tip,
            )
            for criterion in task.criteria
        },
        feedback=FeedbackJudgement(
            summary="A clear story with a good end.",
            strengths=(StrengthClaim(text="You listened first.", quote=quote),),
            improvements=(
                ImprovementClaim(
                    criterion=first.id,
                    indicator=first.indicators[-1].id,
                    text="Name the feeling.",
                    example="I said that I saw how annoying it was.",
                ),
            ),
            next_step="Tell it once more in two minutes.",
            follow_up_question="What did you learn?",
        ),
    )


def make_reply_text(task: GradingTask | None = None, *, level: int = 4) -> str:
    """The JSON text of `make_judgement`, as a good model replies."""
    return json.dumps(make_judgement(task or make_task(), level=level).model_dump(mode="json"), ensure_ascii=False)
