"""Messages arrive, signed, once the receiver takes them; on a real server on loopback."""

from __future__ import annotations

import asyncio
import itertools
import ssl
import subprocess
from collections import deque
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from service.batches.courier import SCHEDULE_SECONDS, Courier
from service.batches.webhooks import note_message, read_secret, sign_message
from service.domain.batch import BatchState
from service.store.batches import BatchStore
from service.store.database import Database
from service.store.deliveries import Delivery, DeliveryStore
from tests.batches.receiver import Receiver
from tests.store.batch_factory import make_batch
from tests.store.grades_factory import START

KEY = read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


def ignore(_: Connection) -> None:
    """The audit entry of a test that needs none."""


async def point_at_loopback(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(f"sqlite:///{tmp_path}/grader.db")
    yield database
    await database.aclose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Office:
    """Couriers of one database, and a batch for each address."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.batches, self.deliveries, self.clock = BatchStore(database), DeliveryStore(database), clock
        self.couriers: list[Courier] = []

    def open(self, **options: object) -> Courier:
        fields = {"allow_private": True, "resolve": point_at_loopback, "draw": lambda: 0.5, "timeout_seconds": 5.0}
        courier = Courier(self.deliveries, KEY, self.clock, **(fields | options))  # type: ignore[arg-type]
        self.couriers.append(courier)
        return courier

    async def end_batch(self, url: str, batch_id: str = "bat_1") -> None:
        spec = make_batch().spec.model_copy(update={"webhook_url": url})
        await self.batches.create(make_batch(id=batch_id, state=BatchState.RUNNING, spec=spec), [])
        assert await self.batches.finish_if_done(batch_id, START, note_message(batch_id, self.clock, ignore))

    async def look(self, batch_id: str = "bat_1") -> Delivery:
        (delivery,) = await self.deliveries.list_of_batch(batch_id)
        return delivery


@pytest.fixture
async def office(database: Database, clock: Clock) -> AsyncIterator[Office]:
    office = Office(database, clock)
    yield office
    for courier in office.couriers:
        await courier.aclose()


async def announce(office: Office, url: str, **options: object) -> Courier:
    await office.end_batch(url)
    return office.open(**options)


async def test_a_message_arrives_signed(office: Office) -> None:
    async with Receiver().listen() as receiver:
        courier = await announce(office, f"http://hooks.example:{receiver.port}/in?a=b")
        assert await courier.send_due() == 1
    (found,) = receiver.received
    delivery = await office.look()
    assert found.line == "POST /in?a=b HTTP/1.1"
    assert found.headers["host"] == f"hooks.example:{receiver.port}"
    assert (found.body, found.headers["webhook-id"]) == (delivery.body, delivery.id)
    signed = sign_message(KEY, delivery.id, int(found.headers["webhook-timestamp"]), found.body)
    assert found.headers["webhook-signature"] == signed
    assert (delivery.delivered_at, delivery.next_attempt_at, delivery.attempts) == (office.clock.time, None, 1)
    assert await courier.send_due() == 0


async def test_failures_are_tried_again_on_schedule_with_the_same_id(office: Office) -> None:
    async with Receiver(deque([500, 302, 429, 404, 503, 400, 500])).listen() as receiver:
        courier = await announce(office, f"http://127.0.0.1:{receiver.port}/")
        waits = []
        while (moment := (await office.look()).next_attempt_at) is not None:
            waits.append((moment - office.clock.time).total_seconds())
            office.clock.time = moment
            assert await courier.send_due() == 1
            assert await courier.send_due() == 0
    assert waits == list(SCHEDULE_SECONDS)
    delivery = await office.look()
    assert (delivery.delivered_at, delivery.attempts) == (None, 7)
    assert delivery.last_error == "The receiver answered with status 500."
    assert len({one.headers["webhook-id"] for one in receiver.received}) == 1
    assert len({one.headers["webhook-signature"] for one in receiver.received}) > 1
    assert {one.line for one in receiver.received} == {"POST / HTTP/1.1"}  # the redirect was not followed


async def test_waits_differ_a_little(office: Office) -> None:
    draws = itertools.cycle([0.0, 1.0])
    async with Receiver(deque([500, 500])).listen() as receiver:
        courier = await announce(office, f"http://127.0.0.1:{receiver.port}/", draw=lambda: next(draws))
        waits = []
        for _ in range(2):
            await courier.send_due()
            moment = (await office.look()).next_attempt_at
            assert moment is not None
            waits.append((moment - office.clock.time).total_seconds())
            office.clock.time = moment
    assert waits == pytest.approx([4.5, 330.0])


async def test_a_receiver_that_is_gone_is_left_alone(office: Office) -> None:
    async with Receiver(deque([410])).listen() as receiver:
        courier = await announce(office, f"http://127.0.0.1:{receiver.port}/")
        await courier.send_due()
    delivery = await office.look()
    assert (delivery.next_attempt_at, delivery.delivered_at) == (None, None)
    assert delivery.last_error == "The receiver answered with status 410."


async def test_silence_is_no_delivery(office: Office) -> None:
    async with Receiver(deque([0])).listen() as receiver:
        courier = await announce(office, f"http://127.0.0.1:{receiver.port}/", timeout_seconds=0.2)
        assert await courier.send_due() == 1
    assert (await office.look()).last_error == "No answer within 0.2 s."


async def test_nobody_there_is_no_delivery_and_the_address_is_not_repeated(office: Office) -> None:
    async with Receiver().listen() as receiver:
        port = receiver.port
    courier = await announce(office, f"http://127.0.0.1:{port}/token-123")
    await courier.send_due()
    delivery = await office.look()
    assert delivery.last_error == "The message could not be sent (ConnectError)."
    assert delivery.next_attempt_at is not None


async def test_a_second_address_is_tried(office: Office) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.2", "127.0.0.1"]  # nobody listens on the first

    async with Receiver().listen() as receiver:
        courier = await announce(office, f"http://hooks.example:{receiver.port}/", resolve=resolve)
        await courier.send_due()
    assert len(receiver.received) == 1


async def test_a_name_that_turns_private_later_is_not_called(office: Office) -> None:
    async with Receiver().listen() as receiver:
        courier = await announce(office, f"https://hooks.example:{receiver.port}/", allow_private=False)
        assert await courier.send_due() == 1
    assert receiver.received == []
    delivery = await office.look()
    assert "private, local or reserved" in (delivery.last_error or "")
    assert delivery.next_attempt_at is not None


async def test_an_unknown_name_is_told(office: Office) -> None:
    async def fail(host: str, port: int) -> Sequence[str]:
        raise OSError("Name or service not known")

    courier = await announce(office, "http://hooks.example/", resolve=fail)
    await courier.send_due()
    assert (await office.look()).last_error == "The name of the webhook's host is not known."


async def test_two_servers_send_it_once(office: Office) -> None:
    async with Receiver().listen() as receiver:
        first = await announce(office, f"http://127.0.0.1:{receiver.port}/")
        sent = await asyncio.gather(*(courier.send_due() for courier in (first, office.open(), office.open())))
    assert sum(sent) == len(receiver.received) == 1


async def test_a_server_that_dies_while_sending_leaves_it_to_the_next(office: Office) -> None:
    async with Receiver(deque([0, 200])).listen() as receiver:
        first = await announce(office, f"http://127.0.0.1:{receiver.port}/")
        dying = asyncio.create_task(first.send_due())
        await receiver.heard.wait()
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
        second = office.open()
        assert await second.send_due() == 0
        office.clock.time += timedelta(seconds=61)
        assert await second.send_due() == 1
    assert len({one.headers["webhook-id"] for one in receiver.received}) == 1
    assert (await office.look()).attempts == 2


async def test_what_a_stopped_server_left_is_sent_by_the_next(office: Office) -> None:
    async with Receiver().listen() as receiver:
        await office.end_batch(f"http://127.0.0.1:{receiver.port}/")
        courier = office.open()
        await courier.start()
        await asyncio.wait_for(receiver.heard.wait(), 5)
        await courier.aclose()
    assert len(receiver.received) == 1


async def test_a_message_is_sent_as_soon_as_somebody_looks(office: Office) -> None:
    async with Receiver().listen() as receiver:
        courier = office.open()
        await courier.start()
        await office.end_batch(f"http://127.0.0.1:{receiver.port}/", "bat_2")
        await courier.look()
        await asyncio.wait_for(receiver.heard.wait(), 5)


def make_certificate(folder: Path, name: str) -> Path:
    path = folder / f"{name}.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-keyout", path, "-out", folder / f"{name}.crt", "-subj", f"/CN={name}",
         "-addext", f"subjectAltName=DNS:{name}"],
        check=True, capture_output=True,
    )  # fmt: skip
    path.write_bytes(path.read_bytes() + (folder / f"{name}.crt").read_bytes())
    return path


@pytest.mark.parametrize(("named", "arrives"), [("hooks.example", True), ("other.example", False)])
async def test_the_certificate_is_checked_for_the_name_though_an_address_is_called(
    office: Office, tmp_path: Path, named: str, arrives: bool
) -> None:
    certificate = make_certificate(tmp_path, named)
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=str(certificate))
    server.load_cert_chain(certificate)
    async with Receiver().listen(server) as receiver:
        asyncio.get_running_loop().set_exception_handler(
            lambda *_: None
        )  # the server's own note of a refused handshake
        courier = await announce(office, f"https://hooks.example:{receiver.port}/", tls=client)
        await courier.send_due()
    assert len(receiver.received) == arrives
    assert ((await office.look()).delivered_at is not None) is arrives


async def test_proxies_of_the_environment_are_not_used(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with Receiver().listen() as receiver:
        courier = await announce(office, f"http://127.0.0.1:{receiver.port}/")
        await courier.send_due()
    assert len(receiver.received) == 1


def test_the_schedule_is_shorter_than_what_a_clock_may_jump() -> None:
    from service.batches.courier import CLAIM_SECONDS, JITTER, TIMEOUT_SECONDS
    from service.store.deliveries import FURTHEST

    assert max(SCHEDULE_SECONDS) * (1 + JITTER) < FURTHEST.total_seconds()
    assert CLAIM_SECONDS > 2 * TIMEOUT_SECONDS
