"""Files of answers on their way to a batch: kept by nobody longer than needed."""

from __future__ import annotations

import asyncio
import hashlib
import os
import resource
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from httpx import AsyncClient

from service.api.batch_uploads import KEPT_SECONDS, Uploads
from service.config import Settings
from service.errors import InProgress, UnknownUpload
from tests.api.batches import BATCHES, OCTETS, UPLOADS, run_batches, upload, write_csv, write_rows
from tests.api.support import RUBRIC, check_problem, run_client

CONTENT = write_csv(write_rows(2))


def list_files(settings: Settings) -> list[Path]:
    return sorted((settings.data_dir / "uploads").glob("*"))


async def send(client: AsyncClient, content: bytes, name: str = "answers.csv", kind: str = "text/csv") -> object:
    return await client.post(UPLOADS, params={"name": name}, content=content, headers={"Content-Type": kind})


async def test_a_file_is_kept_for_its_owner_only(settings: Settings, client: AsyncClient) -> None:
    response = await client.post(UPLOADS, params={"name": "Answers März.csv"}, content=CONTENT, headers=OCTETS)
    view = response.json()
    assert response.status_code == 201
    assert (view["name"], view["bytes"]) == ("Answers März.csv", len(CONTENT))
    assert view["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert len(list_files(settings)) == 2
    assert {oct(path.stat().st_mode & 0o777) for path in list_files(settings)} == {"0o600"}
    assert (await client.delete(f"{UPLOADS}/{view['id']}")).status_code == 204
    assert list_files(settings) == []
    check_problem(await client.delete(f"{UPLOADS}/{view['id']}"), 404, "upload-unknown")


@pytest.mark.parametrize("name", ["answers", "answers.pdf", "a/b.csv", "..\\a.csv", "a\n.csv"])
async def test_a_name_that_no_table_has(settings: Settings, client: AsyncClient, name: str) -> None:
    response = await client.post(UPLOADS, params={"name": name}, content=CONTENT, headers=OCTETS)
    assert ".csv" in check_problem(response, 422, "batch-invalid")["detail"]
    assert list_files(settings) == []


async def test_an_empty_file(settings: Settings, client: AsyncClient) -> None:
    response = await client.post(UPLOADS, params={"name": "a.csv"}, content=b"", headers=OCTETS)
    assert "empty" in check_problem(response, 422, "batch-invalid")["detail"]
    assert list_files(settings) == []


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"])
async def test_what_a_web_page_can_send_across_sites_is_refused(client: AsyncClient, kind: str) -> None:
    response = await client.post(UPLOADS, params={"name": "a.csv"}, content=CONTENT, headers={"Content-Type": kind})
    check_problem(response, 415, "content-type-unsupported")


async def test_a_file_has_a_limit_of_its_own(settings: Settings) -> None:
    limits = settings.model_copy(update={"max_body_bytes": 2_000, "max_upload_bytes": 10_000})

    async def stream(size: int) -> AsyncIterator[bytes]:
        for _ in range(size // 1_000):
            yield b"x" * 1_000

    async with run_client(limits) as client:
        for size, status in ((9_000, 201), (11_000, 413)):
            for content in (b"x" * size, stream(size)):
                response = await client.post(UPLOADS, params={"name": "a.csv"}, content=content, headers=OCTETS)
                assert response.status_code == status, response.text
        check_problem(response, 413, "body-too-large")
        body = {"rubric": "r", "question": "q", "answer": "x" * 3_000}
        check_problem(await client.post("/v1/grades", json=body), 413, "body-too-large")
    assert len(list_files(limits)) == 4


@contextmanager
def smallest_disk(most_bytes: int) -> Iterator[None]:
    """No file of this process grows further, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_full_disk_is_told_and_leaves_nothing(settings: Settings, client: AsyncClient) -> None:
    with smallest_disk(2_000_000):
        response = await client.post(UPLOADS, params={"name": "a.csv"}, content=b"x" * 3_000_000, headers=OCTETS)
    assert "Free space" in check_problem(response, 507, "upload-not-writable")["detail"]
    assert list_files(settings) == []
    assert (await client.post(UPLOADS, params={"name": "a.csv"}, content=CONTENT, headers=OCTETS)).status_code == 201


async def test_a_folder_that_cannot_be_made(settings: Settings, client: AsyncClient) -> None:
    (settings.data_dir / "uploads").write_text("in the way")
    response = await client.post(UPLOADS, params={"name": "a.csv"}, content=CONTENT, headers=OCTETS)
    check_problem(response, 507, "upload-not-writable")


async def test_a_sender_who_leaves_leaves_nothing(tmp_path: Path) -> None:
    uploads, begun = Uploads(tmp_path), asyncio.Event()

    async def stop_midway() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(uploads.receive("a.csv", stop_midway()))
    await begun.wait()
    assert len(list(tmp_path.glob("*"))) == 1
    task.cancel()
    await asyncio.wait([task])
    assert list(tmp_path.glob("*")) == []


async def receive(uploads: Uploads) -> str:
    async def stream() -> AsyncIterator[bytes]:
        yield CONTENT

    return (await uploads.receive("a.csv", stream())).id


async def test_what_nobody_used_is_deleted_after_a_day(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    old, new = await receive(uploads), await receive(uploads)
    for path in tmp_path.glob(f"{old}.*"):
        os.utime(path, (time.time() - KEPT_SECONDS - 60,) * 2)
    uploads.delete_old()
    with pytest.raises(UnknownUpload, match="after a day"):
        uploads.find(old)
    assert Uploads(tmp_path).find(new).id == new  # also after a restart


async def test_two_batches_of_one_upload_at_a_time(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    found = uploads.find(await receive(uploads))
    with uploads.hold(found) as path, pytest.raises(InProgress), uploads.hold(found):
        pass
    assert not path.exists()


async def test_a_batch_that_could_not_be_made_keeps_the_upload(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    found = uploads.find(await receive(uploads))
    with pytest.raises(ValueError, match="no"), uploads.hold(found):
        raise ValueError("no")
    assert uploads.locate(found).read_bytes() == CONTENT


async def test_the_mapping_is_shown_before_anything_is_graded(client: AsyncClient) -> None:
    content = write_csv(write_rows(1), "candidate,question,Freitext")
    address = f"{UPLOADS}/{await upload(client, content)}/preview"
    guessed = (await client.get(address, params={"rubric": RUBRIC})).json()
    assert guessed["problems"]
    mapped = (await client.get(address, params={"rubric": RUBRIC, "map": "answer=Freitext"})).json()
    assert mapped["problems"] == []
    assert mapped["columns"][2] == {"header": "Freitext", "holds": "answer", "how": "map"}
    left = {"rubric": RUBRIC, "map": "answer=Freitext", "leave_out": mapped["columns"][0]["header"]}
    shown = (await client.get(address, params=left)).json()
    assert (shown["columns"][0]["holds"], shown["columns"][0]["how"], shown["problems"]) == (None, "map", [])
    assert (await client.get(BATCHES)).json()["items"] == []


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"rubric": RUBRIC, "map": "answer"}, 422, "batch-invalid"),
        ({"rubric": "no-such"}, 404, "rubric-unknown"),
        ({}, 422, "request-invalid"),
        ({"rubric": RUBRIC, "colour": "red"}, 422, "request-invalid"),
    ],
)
async def test_a_preview_that_cannot_be_made(
    client: AsyncClient, query: dict[str, str], status: int, code: str
) -> None:
    address = f"{UPLOADS}/{await upload(client, CONTENT)}/preview"
    check_problem(await client.get(address, params=query), status, code)


async def test_ids_lead_nowhere_else(client: AsyncClient) -> None:
    for wrong in ("upl_1", "..%2F..%2Fgrader", "upl_" + "0" * 31 + "*"):
        response = await client.get(f"{UPLOADS}/{wrong}/preview", params={"rubric": RUBRIC})
        assert response.status_code in (404, 422)
    check_problem(await client.get(f"{UPLOADS}/upl_{'0' * 32}/preview?rubric=r"), 404, "upload-unknown")


async def test_a_batch_of_a_workbook_that_is_none(settings: Settings) -> None:
    async with run_batches(settings) as (_, client):
        upload_id = await upload(client, b"PK\x03\x04 no workbook", "answers.xlsx")
        response = await client.post(BATCHES, json={"upload": upload_id, "rubric": RUBRIC})
        assert "answers.xlsx" in check_problem(response, 422, "batch-invalid")["detail"]
