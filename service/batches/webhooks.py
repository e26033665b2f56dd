"""Webhooks: what is said of a batch, signed as Standard Webhooks asks (https://www.standardwebhooks.com)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum

from service.domain.batch import Batch, BatchState, Counts
from service.errors import ConfigInvalid
from service.store.audit import Note
from service.store.deliveries import Delivery, note_delivery

SECRET_PREFIX = "whsec_"  # noqa: S105 -- the form's, no secret
SECRET_BYTES = range(24, 65)  # as the specification has it


class Event(StrEnum):
    """What a message is about."""

    FINISHED = "batch.finished"
    PAUSED = "batch.paused"
    CANCELLED = "batch.cancelled"


EVENT_OF_STATE = {
    BatchState.FINISHED: Event.FINISHED,
    BatchState.PAUSED: Event.PAUSED,
    BatchState.CANCELLED: Event.CANCELLED,
}


def read_secret(text: str) -> bytes:
    """The key of a secret like `whsec_<base64>`; raises ConfigInvalid, without the secret."""
    try:
        key = base64.b64decode(text.strip().removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) not in SECRET_BYTES or not text.strip().startswith(SECRET_PREFIX):
        raise ConfigInvalid(
            f"GRADER_WEBHOOK_SECRET is no signing secret. Expected {SECRET_PREFIX} and the base64 of 24 to 64 random "
            f'bytes. Make one: echo "{SECRET_PREFIX}$(head -c 32 /dev/urandom | base64 -w0)".'
        )
    return key


def sign_message(key: bytes, message_id: str, timestamp: int, body: str) -> str:
    """The signature `v1,<base64>` over id, time (seconds since 1970) and body."""
    content = f"{message_id}.{timestamp}.{body}".encode()
    return f"v1,{base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()}"


def build_headers(key: bytes, delivery: Delivery, now: datetime) -> Mapping[str, str]:
    """The headers of an attempt at `now`: the id stays, time and signature are new."""
    timestamp = int(now.timestamp())
    return {
        "webhook-id": delivery.id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign_message(key, delivery.id, timestamp, delivery.body),
    }


def build_delivery(batch: Batch, counts: Counts, now: datetime) -> Delivery | None:
    """The message that the batch's state calls for, due at once; None when nobody is to be told.

    Its id is drawn from batch, event and round, and for a pause from the time as well: the end of a round is told once,
    however often this is called. The body holds ids and counts, no names and nothing that a candidate wrote.
    """
    event = EVENT_OF_STATE.get(batch.state)
    if event is None or batch.spec.webhook_url is None:
        return None
    occasion = now.isoformat() if event is Event.PAUSED else ""
    return Delivery(
        id=compute_message_id(batch, event, occasion),
        batch_id=batch.id,
        event=event.value,
        body=json.dumps({"type": event.value, "timestamp": now.isoformat(), "data": _describe(batch, counts)}),
        created_at=now,
        next_attempt_at=now,
    )


def note_message(batch_id: str, now: Callable[[], datetime], entry: Note) -> Note:
    """Work for the transaction that changes a batch's state: its message, if anybody is to be told, and the `entry`."""
    return note_delivery(batch_id, lambda batch, counts: build_delivery(batch, counts, now()), entry)


def compute_message_id(batch: Batch, event: Event, occasion: str = "") -> str:
    """`msg_` and 32 hex digits; no full stop, which separates the parts that are signed."""
    content = f"{batch.id}\n{event}\n{batch.round}\n{occasion}"
    return f"msg_{hashlib.sha256(content.encode()).hexdigest()[:32]}"


def _describe(batch: Batch, counts: Counts) -> Mapping[str, object]:
    return {
        "batch_id": batch.id,
        "state": batch.state.value,
        "round": batch.round,
        "pause_reason": batch.pause_reason.value if batch.pause_reason else None,
        "answers": counts.total,
        **counts.model_dump(include={"waiting", "scored", "unscored", "failed", "needs_review"}),
        "rejected": batch.rejected,
    }
