"""An answer being graded as server-sent events: what is happening, and each criterion as it lands, ready to show."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, cast

from sse_starlette import ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response

from service.api.events import describe_failure, stream
from service.api.practice import find_criteria
from service.api.practice_pages import render
from service.api.problems import encode
from service.api.runtime import Runtime
from service.domain.marks import Span, cut_answer
from service.domain.practice import Learner
from service.errors import GraderError, ShuttingDown
from service.practice.events import EventKind, PracticeEvent
from service.practice.feedback import LandedCriterion


@dataclass(slots=True)
class Landing:
    """The page of an answer as far as it is graded: the answer with its marks, and a row for each criterion."""

    text: str
    places: dict[str, int]
    spans: list[Span] = field(default_factory=list)

    def add(self, landed: LandedCriterion) -> None:
        place = self.places.get(landed.id, 0)
        self.spans = [one for one in self.spans if one.place != place]  # another sample of the same criterion
        for quote in landed.quotes:
            start = self.text.find(quote)  # quotes are the answer's own characters
            if start >= 0:
                self.spans.append(Span(start, start + len(quote), place))


async def stream_attempt(
    request: Request, runtime: Runtime, learner: Learner, attempt_id: str, last_event_id: str
) -> Response:
    """The events of a grading from its beginning; 204 for one who has seen the last, which ends reconnecting.

    A browser that comes back is told all of it again: what it shows is replaced, not added to. Raises UnknownAttempt
    before anything is sent.
    """
    page = await runtime.practice.get_feedback(learner, attempt_id)
    if last_event_id == "end" and page.view is not None:
        return Response(status_code=204)
    places = {one.id: place for place, one in enumerate(find_criteria(runtime, page.question), 1)}
    events = _build_events(request, runtime, learner, attempt_id, Landing(page.text, places))
    return stream(events, runtime.settings.shutdown_seconds)


async def _build_events(
    request: Request, runtime: Runtime, learner: Learner, attempt_id: str, landing: Landing
) -> AsyncIterator[ServerSentEvent]:
    try:
        steps = cast(Any, runtime.practice.watch(learner, attempt_id))
        async with aclosing(steps) as events:
            async for event in events:
                for one in _tell(request, event, landing):
                    yield one
    except GraderError as failure:
        yield ServerSentEvent(encode(describe_failure(request, failure)), event="problem", id="end", sep="\n")


def _tell(request: Request, event: PracticeEvent, landing: Landing) -> Sequence[ServerSentEvent]:
    if event.criterion is not None:
        landing.add(event.criterion)
        place = landing.places.get(event.criterion.id, 0)
        row = render(request, "row.html", {"place": place, "one": event.criterion})
        answer = render(request, "answer.html", {"pieces": cut_answer(landing.text, landing.spans)})
        return (_send("criterion", str(event.number), {"place": place, "row": row, "answer": answer}),)
    if event.kind is EventKind.STEP:
        return (_send("step", str(event.number), {"says": event.message}),) if event.message else ()
    if event.code == ShuttingDown.code:  # whoever comes back to the next process is told all of it
        return (_send("interrupted", "0", {"says": event.message}),)
    return (_send(event.kind.value, "end", {"says": event.message}),)


def _send(name: str, number: str, data: dict[str, object]) -> ServerSentEvent:
    return ServerSentEvent(json.dumps(data), event=name, id=number, sep="\n")
