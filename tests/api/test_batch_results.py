"""What a batch came to: ranking, answers, rejected rows, exports."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import AsyncIterator

import pytest
from httpx import AsyncClient

from service.api.batch_result_schemas import PeopleFilter
from service.config import Settings
from service.errors import InputError
from tests.api.batches import HEADER, finish, follow, post_batch, run_batches, upload, write_csv, write_rows
from tests.api.support import QUESTION, check_problem

SECRET_WORDS = "That was case"


@pytest.fixture
async def graded(settings: Settings) -> AsyncIterator[tuple[AsyncClient, str]]:
    """A finished batch of seven people, one of whom wrote too little, and two rows that are no answers."""
    rows = [*write_rows(6), f"c6,{QUESTION},Too short.", f"c7,{QUESTION},", "=1+1,no-such,x y z"]
    async with run_batches(settings) as (_, client):
        created = await post_batch(client, await upload(client, write_csv(rows, HEADER)), name="=März")
        await follow(client, created.headers["location"])
        yield client, created.headers["location"]


async def test_the_ranking_is_paged_and_says_what_it_rests_on(graded: tuple[AsyncClient, str]) -> None:
    client, address = graded
    first = await client.get(f"{address}/people", params={"limit": 4})
    second = await client.get(first.links["next"]["url"])
    page = first.json()
    people = page["items"] + second.json()["items"]
    assert (page["matching"], len(people), second.json()["next_cursor"]) == (6, 6, None)
    assert [person["overall"] for person in people] == sorted((one["overall"] for one in people), reverse=True)
    assert all(one["best_rank"] <= one["rank"] <= one["worst_rank"] for one in people)
    assert people[0]["tier"] == 1
    assert people[0]["reason"]
    assert "cannot be told apart" in page["tier_rule"]
    assert page["covered"]["unscored"] == 1
    apart = (await client.get(f"{address}/people", params={"section": "unscored"})).json()["items"]
    assert [(one["candidate"], one["rank"]) for one in apart] == [("c6", None)]


async def test_filters_and_orders(graded: tuple[AsyncClient, str]) -> None:
    client, address = graded
    by_name = await client.get(f"{address}/people", params={"sort": "candidate", "order": "asc"})
    assert [one["candidate"] for one in by_name.json()["items"]] == [f"c{number:03}" for number in range(6)]
    low = await client.get(f"{address}/people", params={"level": "de-escalation:1-2"})
    assert all(one["levels"]["de-escalation"] <= 2 for one in low.json()["items"])
    copies = await client.get(f"{address}/people", params={"is_duplicate": "true"})
    assert copies.json()["matching"] == 5  # all but the first resemble it


async def test_filters_that_cannot_be(graded: tuple[AsyncClient, str]) -> None:
    client, address = graded
    for query, status, code in (
        ({"sort": "no-such"}, 422, "input-invalid"),
        ({"level": "no-such:1-2"}, 422, "input-invalid"),
        ({"level": "de-escalation"}, 422, "input-invalid"),
        ({"band": "No such"}, 422, "input-invalid"),
        ({"question": "no-such"}, 422, "input-invalid"),
        ({"flag": "no-such"}, 422, "request-invalid"),
        ({"cursor": "x"}, 400, "cursor-invalid"),
        ({"colour": "red"}, 422, "request-invalid"),
        ({"limit": "0"}, 422, "request-invalid"),
    ):
        check_problem(await client.get(f"{address}/people", params=query), status, code)


async def test_a_cursor_of_another_query_is_refused(graded: tuple[AsyncClient, str]) -> None:
    client, address = graded
    cursor = (await client.get(f"{address}/people", params={"limit": 1})).json()["next_cursor"]
    query = {"limit": 1, "cursor": cursor, "sort": "row"}
    check_problem(await client.get(f"{address}/people", params=query), 400, "cursor-invalid")


@pytest.mark.parametrize("text", ["a", "a:1", "a:1-6", "a:0-5", "a:1-5.5", ":1-2", "a:1-2-3"])
def test_a_range_that_is_none(text: str) -> None:
    with pytest.raises(InputError, match="empathy:3-5"):
        PeopleFilter(level=(text,)).build_query()


async def test_answers_in_the_order_of_the_file(graded: tuple[AsyncClient, str]) -> None:
    client, address = graded
    first = await client.get(f"{address}/answers", params={"limit": 5})
    second = await client.get(first.links["next"]["url"])
    rows = first.json()["items"] + second.json()["items"]
    assert [row["number"] for row in rows] == list(range(7))
    assert SECRET_WORDS not in first.text  # a list is no place for what people wrote
    check_problem(await client.get(f"{address}/answers", params={"cursor": "-1"}), 400, "cursor-invalid")
    check_problem(await client.get(f"{address}/answers/7"), 404, "answer-unknown")
    check_problem(await client.get(f"{address}/answers/x"), 422, "request-invalid")


async def test_one_answer_has_its_evidence(graded: tuple[AsyncClient, str]) -> None:
    client, address = graded
    answer = (await client.get(f"{address}/answers/0")).json()
    evidence = answer["grade"]["criteria"][0]["evidence"][0]
    assert answer["text"][evidence["start"] : evidence["end"]] == evidence["quote"]
    assert (answer["is_hidden"], answer["reviews"], answer["result"]["state"]) == (False, [], "scored")
    assert (await client.get(f"{address}/answers/6")).json()["result"]["error_code"] == "answer_too_short"


async def test_a_grade_that_was_deleted_leaves_the_line(graded: tuple[AsyncClient, str]) -> None:
    client, address = graded
    grade = (await client.get(f"{address}/answers/0")).json()["grade"]["id"]
    assert (await client.delete(f"/v1/grades/{grade}")).status_code == 204
    answer = (await client.get(f"{address}/answers/0")).json()
    assert (answer["grade"], answer["result"]["state"]) == (None, "scored")


async def test_rejected_rows_can_be_mended_and_sent_again(graded: tuple[AsyncClient, str]) -> None:
    client, address = graded
    listed = await client.get(f"{address}/rejected", params={"limit": 1})
    rest = await client.get(listed.links["next"]["url"])
    assert [one["row"] for one in listed.json()["items"] + rest.json()["items"]] == [9, 10]
    file = await client.get(f"{address}/rejected.csv")
    assert (await client.get(f"{address}/rejected", headers={"Accept": "text/csv"})).content == file.content
    rows = list(csv.reader(io.StringIO(file.text)))
    assert rows[0] == [*HEADER.split(","), "row", "field", "problem"]
    assert rows[2][0] == "'=1+1"
    mended = file.text.replace(f"c7,{QUESTION},,", f"c7,{QUESTION},{write_rows(1)[0].split(',', 2)[2]},")
    again = (await post_batch(client, await upload(client, mended.encode(), "rejected.csv"))).json()
    assert (again["answers"], again["rejected"]) == (1, 1)


async def test_exports(graded: tuple[AsyncClient, str]) -> None:
    client, address = graded
    table = await client.get(f"{address}/export", params={"kind": "csv"})
    assert len(list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"))))) == 7
    disposition = table.headers["content-disposition"]
    assert 'filename="_M_rz answers.csv"' in disposition
    assert "filename*=UTF-8''%3DM%C3%A4rz%20answers.csv" in disposition
    lines = (await client.get(f"{address}/export", params={"kind": "jsonl", "view": "people"})).text.splitlines()
    assert {json.loads(line)["candidate"] for line in lines} >= {"c000", "c6"}
    workbook = await client.get(f"{address}/export", params={"kind": "xlsx"})
    assert zipfile.ZipFile(io.BytesIO(workbook.content)).testzip() is None
    check_problem(await client.get(f"{address}/export", params={"kind": "pdf"}), 422, "request-invalid")
    entries = (await client.get("/v1/audit", params={"limit": 3})).json()["items"]
    assert [entry["details"]["kind"] for entry in entries] == ["xlsx", "jsonl", "csv"]


async def test_the_same_grades_give_the_same_file(settings: Settings) -> None:
    async with run_batches(settings) as (_, client):
        files = [(await client.get(f"{await finish(client, 3, name='N')}/export")).content for _ in range(2)]
        assert files[0] == files[1]


async def test_nothing_that_people_wrote_is_logged(
    graded: tuple[AsyncClient, str], capsys: pytest.CaptureFixture[str]
) -> None:
    client, address = graded
    for path in ("/people", "/answers/0", "/export", "/rejected"):
        await client.get(address + path)
    assert SECRET_WORDS not in capsys.readouterr().out
    assert SECRET_WORDS not in (await client.get("/v1/audit")).text
