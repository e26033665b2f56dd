"""Steps 4 and 5: reply -> findings. Nothing in a reply is believed that was not checked here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from service.domain.evidence import MIN_QUOTE_WORDS, QuoteFinder, count_words
from service.domain.finding import Finding, Findings, NotObserved, Observed, RedFlagFinding
from service.domain.judgement import (
    NOT_OBSERVED,
    CriterionJudgement,
    FeedbackJudgement,
    ImprovementClaim,
    Judgement,
    StrengthClaim,
)
from service.domain.rubric import HIGHEST_LEVEL, LOWEST_LEVEL, Criterion
from service.domain.task import GradingTask, Mode

MAX_REPLY_CHARACTERS = 200_000  # forty times a long judgement; what is longer is a model that runs on
MAX_PROBLEMS_TOLD = 12  # a reply with more is wrong as a whole, and a longer list costs tokens

_REASONING = re.compile(r"^\s*<(think|thinking|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_FENCE = "```"


class ReplyProblems(Exception):
    """What is wrong with a reply, in sentences for the model. They may quote it, so they are never
    logged; and it never leaves grading: after the repair round it becomes a ReplyUnusable.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = tuple(problems[:MAX_PROBLEMS_TOLD])


def read_reply(text: str, task: GradingTask) -> Findings:
    """The findings that a reply holds for the task's criteria; raises ReplyProblems."""
    return verify_judgement(parse_judgement(text), task)


def parse_judgement(text: str) -> Judgement:
    """The judgement in a reply: bare JSON, or JSON in one code fence or after a reasoning block.

    Raises ReplyProblems. Several JSON objects are refused, not chosen from: one of them may be the answer's own.
    """
    document = _load_json(find_document(text))
    try:
        return Judgement.model_validate(document)
    except ValidationError as failure:
        raise ReplyProblems(list(dict.fromkeys(map(_describe, failure.errors(include_url=False))))) from None


def find_document(reply: str) -> str:
    """The JSON object in a reply, as text; raises ReplyProblems when there is none, or when it is one of several."""
    if len(reply) > MAX_REPLY_CHARACTERS:
        raise ReplyProblems([f"the reply has {len(reply):,} characters; at most {MAX_REPLY_CHARACTERS:,} are read"])
    text = _REASONING.sub("", reply, count=1).strip()
    if text.startswith("{"):
        return text[: text.rfind("}") + 1] or text
    parts = text.split(_FENCE)
    if len(parts) == 3:
        return parts[1].strip().removeprefix("json").removeprefix("JSON").strip()
    start, end = text.find("{"), text.rfind("}")
    if len(parts) > 1 or start < 0 or end < start:
        raise ReplyProblems(["expected exactly one JSON object, found none that can be told apart"])
    return text[start : end + 1]


def _load_json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_refuse_duplicates, parse_constant=_refuse_constant)
    except json.JSONDecodeError as failure:
        raise ReplyProblems(
            [f"expected one JSON object; at line {failure.lineno}, column {failure.colno}: {failure.msg}"]
        ) from None
    except (ValueError, RecursionError) as failure:  # a key twice, NaN, an integer of 5,000 digits, 10,000 brackets
        told = str(failure) if isinstance(failure, _Refused) else "a number or a nesting that no judgement needs"
        raise ReplyProblems([f"expected plain JSON: {told}"]) from None


class _Refused(ValueError):
    """JSON that Python accepts and this does not."""


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Refused("a key stands twice in one object")
    return found


def _refuse_constant(name: str) -> Any:
    raise _Refused(f"{name} is not JSON")


def _describe(problem: Any) -> str:
    where = ".".join(str(part) for part in problem["loc"]) or "the whole reply"
    if problem["type"] == "missing":
        return f"{where}: missing"
    if problem["type"] == "extra_forbidden":
        return f"{where}: unknown key, remove it"
    if "level" in problem["loc"]:
        where = ".".join(str(part) for part in problem["loc"][: problem["loc"].index("level") + 1])
        return f'{where}: expected {LOWEST_LEVEL} to {HIGHEST_LEVEL} as a whole number, or "{NOT_OBSERVED}"'
    return f"{where}: {problem['msg']}"


def verify_judgement(judgement: Judgement, task: GradingTask) -> Findings:
    """The findings of a judgement whose every id is the rubric's and every quote the answer's; raises ReplyProblems."""
    finder = QuoteFinder(task.answer.text)
    problems = list(_check_coverage(judgement, task))
    findings: list[Finding] = []
    for criterion in task.criteria:
        claim = judgement.criteria.get(criterion.id)
        if claim is not None:
            problems += _check_claim(criterion, claim)
            findings.append(_verify_claim(criterion, claim, finder, problems))
    feedback = _verify_feedback(judgement, task, finder, problems)
    if task.mode is Mode.SCREENING and _has_coaching(judgement):
        problems.append("advice, improvements and next_step: leave them out; this grade is for screening")
    if problems:
        raise ReplyProblems(problems)
    return Findings(criteria=tuple(findings), feedback=feedback)


def _check_coverage(judgement: Judgement, task: GradingTask) -> Iterator[str]:
    asked = [criterion.id for criterion in task.criteria]
    for missing in [key for key in asked if key not in judgement.criteria]:
        yield f"criteria.{missing}: missing; every criterion asked about needs an entry"
    for unknown in [key for key in judgement.criteria if key not in asked]:
        yield f"criteria: {unknown!r} was not asked about; the criteria are {', '.join(asked)}"


def _check_claim(criterion: Criterion, claim: CriterionJudgement) -> Iterator[str]:
    where = f"criteria.{criterion.id}"
    for indicator in claim.indicators_shown:
        if criterion.get_indicator(indicator) is None:
            yield f"{where}.indicators_shown: {indicator!r} is not an indicator of this criterion"
    for claimed in claim.red_flags:
        if criterion.get_red_flag(claimed.red_flag) is None:
            yield f"{where}.red_flags: {claimed.red_flag!r} is not a red flag of this criterion"
    if claim.level == NOT_OBSERVED and (claim.quotes or claim.red_flags or claim.indicators_shown):
        yield f"{where}: not_observed, yet with quotes, indicators or red flags; give a level or empty those lists"
    if claim.level != NOT_OBSERVED and not claim.quotes and not claim.red_flags:
        yield f"{where}: level {claim.level} without a quote; quote the answer or write not_observed"


def _verify_claim(criterion: Criterion, claim: CriterionJudgement, finder: QuoteFinder, problems: list[str]) -> Finding:
    if claim.level == NOT_OBSERVED:
        return NotObserved(criterion=criterion, rationale=claim.rationale, advice=claim.advice)
    where = f"criteria.{criterion.id}"
    evidence = [finder.locate(quote) for quote in claim.quotes]
    problems += [
        _say_not_found(f"{where}.quotes", quote)
        for quote, found in zip(claim.quotes, evidence, strict=True)
        if found is None
    ]
    red_flags: list[RedFlagFinding] = []
    for claimed in claim.red_flags:
        found = finder.locate(claimed.quote)
        red_flag = criterion.get_red_flag(claimed.red_flag)
        if found is None:
            problems.append(_say_not_found(f"{where}.red_flags", claimed.quote))
        elif red_flag is not None:
            red_flags.append(RedFlagFinding(red_flag=red_flag, evidence=found))
    proven = [found for found in evidence if found is not None] or [finding.evidence for finding in red_flags]
    return Observed(
        criterion=criterion,
        level=float(claim.level),
        evidence=tuple(dict.fromkeys(proven)),
        red_flags=tuple(dict.fromkeys(red_flags)),
        indicators_shown=tuple(dict.fromkeys(claim.indicators_shown)),
        rationale=claim.rationale,
        advice=claim.advice,
    )


def _verify_feedback(
    judgement: Judgement, task: GradingTask, finder: QuoteFinder, problems: list[str]
) -> FeedbackJudgement:
    feedback = judgement.feedback
    strengths: list[StrengthClaim] = []
    for strength in feedback.strengths:
        found = finder.locate(strength.quote)
        if found is None:
            problems.append(_say_not_found("feedback.strengths", strength.quote))
        else:
            strengths.append(StrengthClaim(text=strength.text, quote=found.quote))
    for improvement in feedback.improvements:
        problems += _check_improvement(improvement, judgement, task)
    return feedback.model_copy(update={"strengths": tuple(strengths)})


def _check_improvement(improvement: ImprovementClaim, judgement: Judgement, task: GradingTask) -> Iterator[str]:
    named, indicator = improvement.criterion, improvement.indicator
    criterion = next((criterion for criterion in task.criteria if criterion.id == named), None)
    if criterion is None or criterion.get_indicator(indicator) is None:
        yield f"feedback.improvements: {indicator!r} is not an indicator of {named!r}"
    elif named in judgement.criteria and indicator in judgement.criteria[named].indicators_shown:
        yield f"feedback.improvements: {indicator!r} is listed as shown; name one that is missing"


def _has_coaching(judgement: Judgement) -> bool:
    told = (judgement.feedback.improvements, judgement.feedback.next_step.strip())
    return any(told) or any(claim.advice.strip() for claim in judgement.criteria.values())


def _say_not_found(where: str, quote: str) -> str:
    if count_words(quote) < MIN_QUOTE_WORDS:
        return f"{where}: {quote!r} is too short; quote at least {MIN_QUOTE_WORDS} words"
    return f"{where}: {quote!r} does not stand in the answer; copy an unbroken passage letter for letter"
