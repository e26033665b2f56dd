"""Step 2: prompt version + rubric + question + answer -> requests."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from service.assets.prompts import Prompt, Scope
from service.domain.answer import Answer
from service.domain.invisible import strip_invisible
from service.domain.judgement import NOT_OBSERVED
from service.domain.rubric import LEVELS, Criterion, Question, Rubric
from service.domain.task import GradingTask, Mode
from service.grading.job import Job
from service.llm.base import Message, Parameters, Reply, Request

NONCE_CHARACTERS = 16

_ANGLES = re.compile(r"<{2,}|>{2,}")
_LOOKALIKES = str.maketrans("<>", "‹›")  # read the same, are no delimiters, and are skipped when a quote is looked for


def render_requests(job: Job) -> tuple[tuple[Request, ...], ...]:
    """The requests of a job: for each sample one request, or one per criterion, as the prompt's scope says."""
    criteria = job.rubric.get_criteria(job.question)
    groups = [criteria] if job.prompt.front.scope is Scope.QUESTION else [(criterion,) for criterion in criteria]
    numbers = range(job.first_sample, job.first_sample + job.samples)
    return tuple(tuple(_render(job, group, number) for group in groups) for number in numbers)


def _render(job: Job, criteria: tuple[Criterion, ...], sample: int) -> Request:
    prompt, parameters = job.prompt, job.prompt.front.parameters
    shared = _render_shared(prompt, job.rubric, job.question, criteria, job.mode)
    fenced = {
        "question": _neutralise_question(job.question),
        "mode": job.mode.value,
        "nonce": compute_nonce(prompt, job.answer),
        "kind": job.answer.kind.value,
        "answer": neutralise(job.answer.text),
    }
    return Request(
        messages=(Message("system", shared.system), Message("user", prompt.render("user", fenced))),
        reply_schema=shared.schema,
        parameters=Parameters(
            temperature=parameters.temperature if job.samples == 1 else parameters.temperature_when_sampling,
            max_tokens=parameters.max_tokens,
            seed=parameters.seed + sample,
        ),
        sample=sample,
        task=GradingTask(job.rubric, job.question, criteria, job.answer, job.mode),
    )


def render_repair(prompt: Prompt, request: Request, reply: Reply, problems: tuple[str, ...]) -> Request:
    """The request again, with the reply and what was wrong with it."""
    told = prompt.render("repair", {"problems": problems})
    return Request(
        messages=(*request.messages, Message("assistant", reply.text), Message("user", told)),
        reply_schema=request.reply_schema,
        parameters=request.parameters,
        sample=request.sample,
        task=request.task,
    )


def compute_nonce(prompt: Prompt, answer: Answer) -> str:
    """The code of the answer's fence: the same for the same request, so that a recording replays; and unforgeable,

    since an answer would have to contain part of its own hash.
    """
    content = f"{prompt.content_hash}\n{answer.text}".encode()
    return hashlib.sha256(content).hexdigest()[:NONCE_CHARACTERS]


def neutralise(text: str) -> str:
    """The text as the model sees it: without characters that nobody sees, and without anything like a delimiter."""
    return _ANGLES.sub(lambda match: match[0].translate(_LOOKALIKES), strip_invisible(text))


def _neutralise_question(question: Question) -> Question:
    """A free question is text from outside too, and in practice from the candidate: one line, without delimiters."""
    text = " ".join(neutralise(question.text).split())
    return question if text == question.text else question.model_copy(update={"text": text})


class _Shared:
    """What is the same for every answer to a question: the system message and the reply's schema."""

    def __init__(self, prompt: Prompt, rubric: Rubric, question: Question, criteria: tuple[Criterion, ...], mode: Mode):
        self.schema = build_reply_schema(criteria, mode)
        self.system = prompt.render(
            "system",
            {
                "rubric": rubric,
                "question": _neutralise_question(question),
                "criteria": criteria,
                "mode": mode.value,
                "reply_form": json.dumps(build_reply_form(criteria, mode), indent=1, ensure_ascii=False),
            },
        )


_cache: dict[tuple[Any, ...], _Shared] = {}
_CACHED = 512  # two rubrics, 34 questions, two modes, one call per criterion: about 200


def _render_shared(
    prompt: Prompt, rubric: Rubric, question: Question, criteria: tuple[Criterion, ...], mode: Mode
) -> _Shared:
    # By content, not by identity; a free question's text is part of the key. 2 ms saved on each answer.
    ids = tuple(criterion.id for criterion in criteria)
    key = (prompt.content_hash, rubric.content_hash, question.id, question.text, ids, mode)
    shared = _cache.get(key)
    if shared is None:
        if len(_cache) >= _CACHED:
            _cache.clear()
        shared = _cache[key] = _Shared(prompt, rubric, question, criteria, mode)
    return shared


def build_reply_form(criteria: tuple[Criterion, ...], mode: Mode) -> Mapping[str, Any]:
    """The reply's form with placeholders, one criterion standing for all, for models that are not held to a schema."""
    practice = mode is Mode.PRACTICE
    one = {
        "quotes": ["…"],
        "indicators_shown": ["indicator-id"],
        "red_flags": [{"red_flag": "red-flag-id", "quote": "…"}],
        "rationale": "…",
        "level": f'{LEVELS[0]} to {LEVELS[-1]}, or "{NOT_OBSERVED}"',
        **({"advice": "…"} if practice else {}),
    }
    improvement = {"criterion": "criterion-id", "indicator": "indicator-id", "text": "…", "example": "…"}
    return {
        "criteria": {criteria[0].id: one},
        "feedback": {
            "summary": "…",
            "strengths": [{"text": "…", "quote": "…"}],
            **({"improvements": [improvement], "next_step": "…"} if practice else {}),
            "follow_up_question": "…",
        },
    }


def build_reply_schema(criteria: tuple[Criterion, ...], mode: Mode) -> dict[str, Any]:
    """The reply's JSON schema, in the subset that strict structured output and llama.cpp's grammars both take."""
    practice = mode is Mode.PRACTICE
    improvement = _object(
        criterion=_one_of([criterion.id for criterion in criteria]), indicator=_TEXT, text=_TEXT, example=_TEXT
    )
    coaching = {"improvements": _list(improvement), "next_step": _TEXT} if practice else {}
    feedback = _object(
        summary=_TEXT,
        strengths=_list(_object(text=_TEXT, quote=_TEXT)),
        **coaching,
        follow_up_question=_TEXT,
    )
    each = {criterion.id: _build_criterion_schema(criterion, practice) for criterion in criteria}
    return _object(criteria=_object(**each), feedback=feedback)


def _build_criterion_schema(criterion: Criterion, practice: bool) -> dict[str, Any]:
    level = {"anyOf": [{"type": "integer", "enum": list(LEVELS)}, _one_of([NOT_OBSERVED])]}
    red_flags = [red_flag.id for red_flag in criterion.red_flags]
    claim = _object(red_flag=_one_of(red_flags) if red_flags else _TEXT, quote=_TEXT)
    return _object(
        quotes=_list(_TEXT),
        indicators_shown=_list(_one_of([indicator.id for indicator in criterion.indicators])),
        red_flags=_list(claim),
        rationale=_TEXT,
        level=level,
        **({"advice": _TEXT} if practice else {}),
    )


_TEXT: dict[str, Any] = {"type": "string"}


def _one_of(values: list[str]) -> dict[str, Any]:
    return {"type": "string", "enum": values}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
