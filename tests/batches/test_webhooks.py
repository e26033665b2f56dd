"""What is said of a batch, and that its receiver can check who said it."""

from __future__ import annotations

import base64
import json

import pytest

from service.batches.webhooks import build_delivery, build_headers, compute_message_id, read_secret, sign_message
from service.domain.batch import BatchState, Counts, PauseReason
from service.errors import ConfigInvalid
from tests.store.batch_factory import make_batch
from tests.store.grades_factory import START

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_signature_is_that_of_the_specification() -> None:
    """The example of the Standard Webhooks libraries."""
    body = '{"test": 2432232314}'
    signed = sign_message(read_secret(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_#", "whsec_é"]
)
def test_a_secret_that_is_none_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(ConfigInvalid, match="GRADER_WEBHOOK_SECRET is no signing secret") as refused:
        read_secret(secret)
    assert len(secret) < 10 or secret not in str(refused.value)


def test_a_secret_may_be_long() -> None:
    assert len(read_secret("whsec_" + base64.b64encode(b"x" * 64).decode())) == 64


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (BatchState.FINISHED, "batch.finished"),
        (BatchState.PAUSED, "batch.paused"),
        (BatchState.CANCELLED, "batch.cancelled"),
        (BatchState.RUNNING, None),
        (BatchState.IMPORTING, None),
    ],
)
def test_a_state_has_its_message(state: BatchState, event: str | None) -> None:
    spec = make_batch().spec.model_copy(update={"webhook_url": "https://example.org"})
    delivery = build_delivery(make_batch(state=state, spec=spec), Counts(), START)
    assert (delivery.event if delivery else None) == event
    assert build_delivery(make_batch(state=state), Counts(), START) is None


def test_the_body_holds_ids_and_counts_only() -> None:
    spec = make_batch().spec.model_copy(update={"webhook_url": "https://example.org/token"})
    batch = make_batch(
        state=BatchState.PAUSED, pause_reason=PauseReason.KEY_REJECTED, pause_message="secret", spec=spec, rejected=2
    )
    delivery = build_delivery(batch, Counts(waiting=3, scored=4, cost_usd=0.5), START)
    assert delivery is not None
    body = json.loads(delivery.body)
    assert (body["type"], body["timestamp"]) == ("batch.paused", START.isoformat())
    assert body["data"] == {
        "batch_id": "bat_1", "state": "paused", "round": 0, "pause_reason": "key_rejected", "answers": 7,
        "waiting": 3, "scored": 4, "unscored": 0, "failed": 0, "needs_review": 0, "rejected": 2,
    }  # fmt: skip
    assert set(build_headers(b"k" * 24, delivery, START)) == {"webhook-id", "webhook-timestamp", "webhook-signature"}


def test_the_end_of_a_round_has_one_id_and_each_pause_its_own() -> None:
    spec = make_batch().spec.model_copy(update={"webhook_url": "https://example.org"})
    ended = [make_batch(state=BatchState.FINISHED, spec=spec, round=number) for number in (0, 0, 1)]
    ids = [build_delivery(batch, Counts(), START.replace(day=day)) for day, batch in enumerate(ended, 1)]
    assert len({delivery.id for delivery in ids if delivery}) == 2
    paused = make_batch(state=BatchState.PAUSED, spec=spec)
    pauses = [build_delivery(paused, Counts(), START.replace(day=day)) for day in (1, 2)]
    assert len({delivery.id for delivery in pauses if delivery}) == 2
    assert "." not in compute_message_id(paused, "batch.paused")  # type: ignore[arg-type]
