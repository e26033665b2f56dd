"""The journal of a run: what the backend replied, on the disk before anybody reads it, and never asked for again.

A line of `replies.jsonl` is

    {"digest": <of the request>, "case": "hdc-01-03", "repeat": 0, "attempted_at": ..., "reply": {...}}

or has `failure` in place of `reply` (service/llm/recording.py). The request itself is not kept: the run's folder holds
the case, the prompt and the rubric that it is rendered from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic_core import PydanticSerializationError, to_json

from service.errors import RecordingMissing, ReplyUnusable, RunInvalid
from service.evaluation.lines import LineFile, read_line_at, read_lines
from service.llm.base import Backend, Health, Message, Reply, Request
from service.llm.recording import Outcome, describe_outcome, dump_line, read_outcome

KEYS = ("digest", "case", "repeat")


class Place(NamedTuple):
    """One grading of a run: a case, and which repeat of it (from 0)."""

    case: str
    repeat: int


NOWHERE = Place("", 0)
# Set by the loop around each grading: a request knows its task, not whose it is, and two cases may ask the same.
current_place: ContextVar[Place] = ContextVar("current_place", default=NOWHERE)


def name_current_case(_: Request) -> str | None:
    """The case being graded; the `name_case` of a RecordingBackend."""
    return current_place.get().case or None


class StoredReplies:
    """The replies of a run. Held in memory is where each stands (20 bytes of key, a number), never a text."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offsets: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._offsets)

    def load(self, is_done: Callable[[Place], bool] = lambda _: False) -> None:
        """Finds the replies that no grade was made of yet; raises RunInvalid with file and line."""
        for line in read_lines(self.path, *KEYS, skips_torn=True):
            digest, case, repeat = (line.content[key] for key in KEYS)
            if not is_done(Place(case, repeat)):
                self._offsets[compute_key(case, digest)] = line.offset

    def holds(self, place: Place, request: Request) -> bool:
        """Whether this request of this case has been replied to."""
        return bool(self._offsets) and compute_key(place.case, compute_digest(request)) in self._offsets

    def find(self, place: Place, request: Request) -> Outcome | None:
        """What was replied to this request of this case, if anything was; raises RunInvalid."""
        if not self._offsets:
            return None
        offset = self._offsets.get(compute_key(place.case, compute_digest(request)))
        if offset is None:
            return None
        try:
            return read_outcome(read_line_at(self.path, offset))
        except (KeyError, TypeError, ValueError):  # no cause: it may quote the line
            raise RunInvalid(
                f"{self.path}: the reply of case {place.case} cannot be read. Restore the file from a copy, or run "
                "again (--again)."
            ) from None


def compute_digest(request: Request) -> str:
    """`request.digest`, from parts that are kept: 0.02 ms instead of 0.13 for a prompt of 15,000 characters.

    A run asks for it at every call, and nearly all of a request (system message, schema) is that of the one before.
    """
    first, *others = request.messages
    digest = _hash_start(first).copy()
    asked = request.parameters
    rest = (
        *(f",{_dump_message(message)}" for message in others),
        f'],"parameters":{{"max_tokens":{_dump(asked.max_tokens)},"seed":{_dump(asked.seed)},',
        f'"temperature":{_dump(asked.temperature)}}},"reply_schema":',
    )
    digest.update("".join(rest).encode("utf-8", "surrogatepass"))
    digest.update(_dump_schema(request.reply_schema))
    digest.update(f',"sample":{_dump(request.sample)}}}'.encode())
    return digest.hexdigest()


def _dump(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _dump_message(message: Message) -> str:
    return f'{{"role":{_dump(message.role)},"text":{_dump(message.text)}}}'


@lru_cache(maxsize=256)  # one for each question and mode, 15 kB each
def _hash_start(message: Message) -> hashlib._Hash:
    return hashlib.sha256(f'{{"messages":[{_dump_message(message)}'.encode("utf-8", "surrogatepass"))


_schemas: dict[int, tuple[Mapping[str, Any], bytes]] = {}  # by identity, and holding what is identified
_MOST_SCHEMAS = 256


def _dump_schema(schema: Mapping[str, Any]) -> bytes:
    known = _schemas.get(id(schema))
    if known is None:
        if len(_schemas) >= _MOST_SCHEMAS:
            _schemas.clear()
        known = _schemas[id(schema)] = schema, _dump(dict(schema)).encode("utf-8", "surrogatepass")
    return known[1]


def compute_key(case: str, digest: str) -> bytes:
    """20 bytes: two of a million keys are the same with probability 10**-36."""
    return hashlib.blake2b(f"{case}\n{digest}".encode(), digest_size=20).digest()


class JournalBackend:
    """Wraps a backend: replies go into the journal, and what is stored already is answered from there.

    A refused or cut off reply is a reply. Failures of the connection are not kept: the caller tries again.
    """

    def __init__(self, inner: Backend, stored: StoredReplies, file: LineFile, clock: Callable[[], datetime]) -> None:
        self.name = inner.name
        self.notice = inner.notice
        self._inner = inner
        self._stored = stored
        self._file = file
        self._clock = clock

    async def complete(self, request: Request) -> Reply:
        place = current_place.get()
        outcome = self._stored.find(place, request)
        if outcome is None:
            outcome = await self._ask(request)
            self._file.append(dump_reply(place, request, outcome, self._clock()))
        if isinstance(outcome, Reply):
            return outcome
        raise outcome

    async def check_health(self) -> Health:
        return await self._inner.check_health()

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _ask(self, request: Request) -> Outcome:
        try:
            return await self._inner.complete(request)
        except ReplyUnusable as error:
            return error


def dump_reply(place: Place, request: Request, outcome: Outcome, now: datetime) -> bytes:
    """A line of `replies.jsonl`."""
    head = {"digest": compute_digest(request), "case": place.case, "repeat": place.repeat}
    line = {**head, "attempted_at": now.isoformat(timespec="milliseconds"), **describe_outcome(outcome)}
    try:
        return to_json(line) + b"\n"  # a fifth of the time of json.dumps
    except PydanticSerializationError:  # a lone surrogate
        return dump_line(line)


class StoredBackend:
    """Knows the replies of a run and nothing else; raises RecordingMissing for any other request."""

    def __init__(self, name: str, notice: str | None, stored: StoredReplies) -> None:
        self.name = name
        self.notice = notice
        self._stored = stored

    async def complete(self, request: Request) -> Reply:
        outcome = self._stored.find(current_place.get(), request)
        if outcome is None:
            raise RecordingMissing(f"{self._stored.path} holds no reply to this request.")
        if isinstance(outcome, Reply):
            return outcome
        raise outcome

    async def check_health(self) -> Health:
        return Health(model_served=self.name, detail=f"{len(self._stored)} stored replies.")

    async def aclose(self) -> None:
        """Nothing to close."""
