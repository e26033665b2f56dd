"""The recording format: stored replies of backends, made to be reviewed in git.

A folder holds `<model>--<prompt>.jsonl` files, one reply a line and only ever appended to, and `parts/`: the system
messages (`<hash>.txt`) and reply schemas (`<hash>.json`) that many requests share, each stored once. A line is

    {"request_digest": ..., "model": "openai/gpt-x", "case": "c-012",
     "request": {"messages": [{"role": "system", "part": <hash>}, {"role": "user", "text": ...}],
                 "reply_schema": {"part": <hash>}, "parameters": {...}, "sample": 0},
     "reply": {"text": ..., "model_served": ..., "tokens_in": ..., ...},  "recorded_at": "2026-11-21T10:00:00+00:00"}

or has `failure` in place of `reply`: a model that refuses an answer refuses it in the replay too, instead of the replay
missing a recording for ever. Failures of the connection are not recorded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.errors import RecordingInvalid, ReplyEmpty, ReplyRefused, ReplyTruncated, ReplyUnusable
from service.llm.base import Reply, Request, TokenChoice

PARTS = "parts"
_FAILURES = {kind.code: kind for kind in (ReplyEmpty, ReplyRefused, ReplyTruncated, ReplyUnusable)}
_COST = ("tokens_in", "tokens_out", "cost_usd")  # of a failure: only what is known
Outcome = Reply | ReplyUnusable


@dataclass(frozen=True, slots=True)
class Recording:
    """One line: what was asked (`Request.describe`), what came back, and where the line is."""

    digest: str
    model: str
    case: str | None
    request: Mapping[str, Any]
    outcome: Outcome
    recorded_at: str
    path: Path
    line: int

    @property
    def place(self) -> str:
        return f"{self.path.name} line {self.line}"


def compute_digest(description: Mapping[str, Any]) -> str:
    """`Request.digest` of a description that was read back."""
    content = json.dumps(description, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def read_folder(path: Path) -> tuple[Recording, ...]:
    """All recordings of a folder, or of one `.jsonl` file in it, ordered by file name and line.

    Raises RecordingInvalid with file and line, also when two lines answer the same request.
    """
    if not path.exists():
        raise RecordingInvalid(f"There is no folder of recordings {path}. Check GRADER_MODEL=replay/<folder>.")
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    recordings = tuple(recording for file in files for recording in read_file(file))
    seen: dict[str, Recording] = {}
    for recording in recordings:
        first = seen.setdefault(recording.digest, recording)
        if first is not recording:
            raise RecordingInvalid(
                f"{recording.place} answers the same request as {first.place}. Delete one of the lines; or, when they "
                f"are of two models, give one file: replay/{path / recording.path.name}."
            )
    return recordings


def read_file(path: Path) -> tuple[Recording, ...]:
    """The recordings of one file; raises RecordingInvalid with file and line.

    A last line without its line break is refused, not skipped: its writer was stopped, or an editor or a merge cut the
    file, and what else it cut cannot be known. A recorder that fails to write takes half a line back itself.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RecordingInvalid(f"{path} cannot be read: {error.strerror}.") from None
    *lines, rest = content.split(b"\n")  # not splitlines: texts may hold U+2028
    if rest:
        raise RecordingInvalid(
            f"{path} line {len(lines) + 1} is cut off: its writer was stopped. Delete this line and record again; the "
            "lines before it are whole."
        )
    parts: dict[str, Any] = {}
    return tuple(_read_line(line, path, number, parts) for number, line in enumerate(lines, 1))


def split_request(description: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """A request for a line, and the shared parts that it refers to: file name -> content."""
    parts: dict[str, bytes] = {}
    messages = []
    for message in description["messages"]:
        if message["role"] == "system":
            content = message["text"].encode("utf-8", "surrogatepass")
            messages.append({"role": "system", "part": _add_part(parts, content, "txt")})
        else:
            messages.append(message)
    schema = json.dumps(description["reply_schema"], indent=2, ensure_ascii=False).encode() + b"\n"
    line = {**description, "messages": messages, "reply_schema": {"part": _add_part(parts, schema, "json")}}
    return line, parts


def write_line(request: Request, model: str, case: str | None, outcome: Outcome, recorded_at: str) -> bytes:
    """The line of a recording, with its line break."""
    line, _ = split_request(request.describe())
    content = {"request_digest": request.digest, "model": model, "case": case, "request": line}
    return dump_line({**content, **describe_outcome(outcome), "recorded_at": recorded_at})


def dump_line(content: Mapping[str, Any]) -> bytes:
    """The content as one line of JSON in UTF-8, with its line break."""
    try:
        return json.dumps(content, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:  # a lone surrogate has no UTF-8: escape all
        return json.dumps(content).encode() + b"\n"


def _add_part(parts: dict[str, bytes], content: bytes, suffix: str) -> str:
    key = hash_part(content)
    parts[f"{key}.{suffix}"] = content
    return key


def hash_part(content: bytes) -> str:
    """16 hexadecimal digits of its SHA-256: it tells a few hundred parts apart, and lines stay readable."""
    return hashlib.sha256(content).hexdigest()[:16]


def describe_reply(reply: Reply) -> dict[str, Any]:
    """A reply as plain data, for a line of JSON; `read_outcome` reads it back."""
    content: dict[str, Any] = {
        "text": reply.text,
        "model_served": reply.model_served,
        "tokens_in": reply.tokens_in,
        "tokens_out": reply.tokens_out,
        "cost_usd": reply.cost_usd,
        "latency_seconds": round(reply.latency_seconds, 4),
    }
    if reply.token_choices:
        content["token_choices"] = [[choice.token, dict(choice.alternatives)] for choice in reply.token_choices]
    return content


def _read_line(line: bytes, path: Path, number: int, parts: dict[str, Any]) -> Recording:
    try:
        content = json.loads(line)
        request = _join_request(content["request"], path, number, parts)
        recording = Recording(
            digest=content["request_digest"],
            model=content["model"],
            case=content.get("case"),
            request=request,
            outcome=read_outcome(content),
            recorded_at=content["recorded_at"],
            path=path,
            line=number,
        )
    except (ValueError, KeyError, TypeError, AttributeError):  # no cause: it may quote the line
        raise RecordingInvalid(
            f"{path} line {number} is not a recording. Restore the line from git, or delete it and record again."
        ) from None
    if compute_digest(request) != recording.digest:
        raise RecordingInvalid(
            f"{path} line {number} was edited: its request no longer has the digest that it is stored under. Restore "
            "it from git, or delete it and record again."
        )
    return recording


def describe_outcome(outcome: Outcome) -> dict[str, Any]:
    """`{"reply": …}` or `{"failure": …}`: what `read_outcome` reads back."""
    if isinstance(outcome, Reply):
        return {"reply": describe_reply(outcome)}
    cost = {name: getattr(outcome, name) for name in _COST if getattr(outcome, name) is not None}
    return {"failure": {"code": outcome.code, "message": str(outcome), **cost}}


def read_outcome(content: Mapping[str, Any]) -> Outcome:
    """What a line's `reply` or `failure` says; raises KeyError, TypeError or ValueError when it says nothing."""
    if "failure" in content:
        failure = content["failure"]
        return _FAILURES[failure["code"]](failure["message"], *(failure.get(name) for name in _COST))
    fields = dict(content["reply"])
    choices = fields.pop("token_choices", ())
    return Reply(**fields, token_choices=tuple(TokenChoice(token, tops) for token, tops in choices))


def _join_request(line: Mapping[str, Any], path: Path, number: int, parts: dict[str, Any]) -> dict[str, Any]:
    messages = [
        {"role": message["role"], "text": _read_part(f"{message['part']}.txt", path, number, parts)}
        if "part" in message
        else message
        for message in line["messages"]
    ]
    schema = _read_part(f"{line['reply_schema']['part']}.json", path, number, parts)
    return {**line, "messages": messages, "reply_schema": schema}


def _read_part(name: str, path: Path, number: int, parts: dict[str, Any]) -> Any:
    """A part, read once: a text for .txt, the parsed JSON for .json."""
    if name in parts:
        return parts[name]
    file = path.parent / PARTS / Path(name).name
    try:
        content = file.read_bytes()
    except OSError as error:
        raise RecordingInvalid(
            f"{path} line {number} needs {file}, which cannot be read: {error.strerror}. Restore it from git."
        ) from None
    if hash_part(content) != file.stem:
        raise RecordingInvalid(
            f"{file} was edited: its content no longer has the hash in its name. Restore it from git (as it is: no "
            "conversion of line breaks), or delete the lines that use it and record again."
        )
    parts[name] = json.loads(content) if file.suffix == ".json" else content.decode("utf-8", "surrogatepass")
    return parts[name]
