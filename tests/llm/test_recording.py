from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.errors import RecordingInvalid, RecordingMissing, ReplyRefused, ReplyUnusable
from service.llm.base import Reply, Request, TokenChoice
from service.llm.differences import describe_differences
from service.llm.record import RecordingBackend
from service.llm.recording import compute_digest, read_folder
from service.llm.replay import ReplayBackend
from service.llm.scripted import Outcome, ScriptedBackend
from tests.factories import ANSWER_TEXT, make_request, make_task

WHEN = datetime(2026, 11, 21, 10, tzinfo=UTC)
REPLY = Reply('{"a": "é\u2028"}', "m-0401", 10, 5, 0.002, 0.25, (TokenChoice("4", {"4": -0.1, "5": -2.5}),))


async def record(folder: Path, *pairs: tuple[Request, Outcome], model: str = "openai/m-1") -> None:
    """Records the outcomes of the requests, in order."""
    inner = ScriptedBackend([outcome for _, outcome in pairs], name=model)
    backend = RecordingBackend(inner, folder, prompt="grade@v1", name_case=lambda _: "c-012", clock=lambda: WHEN)
    for request, outcome in pairs:
        if isinstance(outcome, ReplyUnusable):
            with pytest.raises(type(outcome)):
                await backend.complete(request)
        else:
            await backend.complete(request)
    await backend.aclose()


def get_file(folder: Path) -> Path:
    (file,) = folder.glob("*.jsonl")
    return file


async def explain_miss(folder: Path, request: Request) -> str:
    with pytest.raises(RecordingMissing) as caught:
        await ReplayBackend(folder).complete(request)
    return str(caught.value)


async def test_replays_exactly_what_was_recorded(tmp_path: Path) -> None:
    await record(tmp_path, (make_request(), REPLY))
    assert await ReplayBackend(tmp_path).complete(make_request()) == REPLY


async def test_replays_a_refusal_as_a_refusal(tmp_path: Path) -> None:
    await record(tmp_path, (make_request(), ReplyRefused("The model refused.")))
    replay = ReplayBackend(tmp_path)
    for _ in range(2):
        with pytest.raises(ReplyRefused, match=r"The model refused\."):
            await replay.complete(make_request())


async def test_line_says_what_a_reviewer_needs(tmp_path: Path) -> None:
    await record(tmp_path, (make_request(), REPLY))
    file = get_file(tmp_path)
    assert file.name == "openai-m-1--grade-v1.jsonl"
    line = json.loads(file.read_text(encoding="utf-8"))
    assert list(line) == ["request_digest", "model", "case", "request", "reply", "recorded_at"]
    assert (line["model"], line["case"], line["recorded_at"]) == ("openai/m-1", "c-012", "2026-11-21T10:00:00+00:00")
    assert line["request"]["parameters"] == {"temperature": 0.0, "max_tokens": 500, "seed": 7}
    assert line["reply"]["text"] == REPLY.text


async def test_shared_parts_are_stored_once(tmp_path: Path) -> None:
    system = "A long prompt.\n" * 1000
    requests = [make_request(system=system, user=f"Answer {number}") for number in range(20)]
    await record(tmp_path, *((request, "{}") for request in requests))
    assert get_file(tmp_path).stat().st_size < 20 * 800
    assert sorted(part.suffix for part in (tmp_path / "parts").iterdir()) == [".json", ".txt"]
    (text,) = (tmp_path / "parts").glob("*.txt")
    assert text.read_text(encoding="utf-8") == system  # reviewed as the text that it is


async def test_lone_surrogates_survive(tmp_path: Path) -> None:
    request = make_request(user="half \ud800", system="also \udc00")
    await record(tmp_path, (request, "reply \ud800"))
    assert (await ReplayBackend(tmp_path).complete(request)).text == "reply \ud800"


def test_digest_of_a_description_is_the_requests_digest() -> None:
    request = make_request(user="é \ud800")
    assert compute_digest(json.loads(json.dumps(request.describe()))) == request.digest


async def test_repair_rounds_are_told_apart(tmp_path: Path) -> None:
    first = make_request()
    await record(tmp_path, (first, "one"), (make_request(user="two"), "two"))
    assert {one.digest for one in read_folder(tmp_path)} == {first.digest, make_request(user="two").digest}


async def test_miss_names_the_parameter(tmp_path: Path) -> None:
    await record(tmp_path, (make_request(), "{}"))
    message = await explain_miss(tmp_path, make_request(temperature=0.7))
    assert "openai-m-1--grade-v1.jsonl line 1 (openai/m-1, case c-012): parameters.temperature 0.0 -> 0.7." in message


async def test_miss_shows_the_line_of_the_prompt(tmp_path: Path) -> None:
    await record(tmp_path, (make_request(system="One.\nTwo.\nThree."), "{}"))
    message = await explain_miss(tmp_path, make_request(system="One.\n2.\nThree."))
    assert "message 1 (system) differs at line 2: 'Two.' -> '2.'." in message


async def test_miss_never_shows_an_answer(tmp_path: Path) -> None:
    await record(tmp_path, (make_request(), "{}"))
    message = await explain_miss(tmp_path, make_request(make_task(answer="Something else that I did.")))
    assert "message 2 (user) differs at line 2." in message
    assert "Something else" not in message
    assert ANSWER_TEXT[:20] not in message


async def test_miss_names_the_nearest_recording(tmp_path: Path) -> None:
    near = make_request(user="a\nb\nc")
    far = make_request(user="x\ny\nz", temperature=1.0)
    middle = make_request(user="a\ny\nz")
    await record(tmp_path, (far, "far"), (middle, "middle"), (near, "near"))
    assert "line 3 (" in await explain_miss(tmp_path, make_request(user="a\nb\nd"))


async def test_miss_names_what_changed_in_the_schema(tmp_path: Path) -> None:
    await record(tmp_path, (make_request(), "{}"))
    message = await explain_miss(tmp_path, make_request(make_task(question="empathy-only"), user="other"))
    assert "reply_schema.properties.resolution removed" in message
    assert "reply_schema.required differs" in message


async def test_miss_in_an_empty_folder(tmp_path: Path) -> None:
    assert "holds no recordings" in await explain_miss(tmp_path, make_request())
    with pytest.raises(RecordingMissing, match="holds no recordings"):
        await ReplayBackend(tmp_path).check_health()


def test_differences_count_messages_roles_and_the_rest() -> None:
    asked, recorded = make_request().describe(), make_request().describe()
    asked["messages"] = [{"role": "user", "text": "x"}]
    asked["parameters"] = {f"p{number}": 1 for number in range(9)}
    told = describe_differences(asked, recorded)
    assert told.startswith("2 messages -> 1; message 1 (user) was system; parameters.temperature removed")
    assert told.endswith("and 8 more")


def test_long_prompt_lines_are_cut() -> None:
    asked, recorded = make_request(system="x" * 500).describe(), make_request(system="One\nTwo").describe()
    assert len(describe_differences(asked, recorded)) < 300


def test_a_new_part_of_requests_is_named() -> None:
    asked = {**make_request().describe(), "tools": []}
    assert describe_differences(asked, make_request().describe()) == "tools added"


async def test_replay_names_folder_and_models(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    await record(folder, (make_request(), "{}"))
    await record(folder, (make_request(seed=8), "{}"), model="gguf/x")
    replay = ReplayBackend(folder)
    assert replay.name == "replay/demo"
    assert await replay.check_health() == (await replay.check_health())
    assert (await replay.check_health()).model_served == "gguf/x, openai/m-1"


async def test_two_models_in_one_folder_need_a_choice(tmp_path: Path) -> None:
    await record(tmp_path, (make_request(), "one"))
    await record(tmp_path, (make_request(), "two"), model="other")
    with pytest.raises(RecordingInvalid, match=r"line 1 answers the same request as .* line 1\. .*give one file"):
        ReplayBackend(tmp_path)
    assert (await ReplayBackend(tmp_path / "other--grade-v1.jsonl").complete(make_request())).text == "two"


def test_folder_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(RecordingInvalid, match="There is no folder"):
        ReplayBackend(tmp_path / "none")


async def test_line_twice_is_named(tmp_path: Path) -> None:
    await record(tmp_path, (make_request(), "{}"))
    file = get_file(tmp_path)
    file.write_bytes(file.read_bytes() * 2)
    with pytest.raises(RecordingInvalid, match=r"line 2 answers the same request as .* line 1"):
        ReplayBackend(tmp_path)


async def test_half_a_last_line_is_refused_with_its_number(tmp_path: Path) -> None:
    await record(tmp_path, (make_request(), "one"), (make_request(seed=8), "two"))
    file = get_file(tmp_path)
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(RecordingInvalid, match=r"line 2 is cut off.*Delete this line"):
        ReplayBackend(tmp_path)


@pytest.mark.parametrize("line", [b"", b"{}", b"null", b"SECRET", b"\xff", b'{"request_digest": "SECRET", "model": 1}'])
async def test_broken_line_is_named_and_not_quoted(tmp_path: Path, line: bytes) -> None:
    await record(tmp_path, (make_request(), "one"))
    file = get_file(tmp_path)
    file.write_bytes(file.read_bytes() + line + b"\n")
    with pytest.raises(RecordingInvalid, match=r"\.jsonl line 2 is not a recording") as caught:
        ReplayBackend(tmp_path)
    assert "SECRET" not in str(caught.value)


async def test_edited_request_is_noticed(tmp_path: Path) -> None:
    await record(tmp_path, (make_request(), "one"))
    file = get_file(tmp_path)
    file.write_text(file.read_text(encoding="utf-8").replace('"seed": 7', '"seed": 8'), encoding="utf-8")
    with pytest.raises(RecordingInvalid, match="line 1 was edited"):
        ReplayBackend(tmp_path)


async def test_edited_or_missing_part_is_noticed(tmp_path: Path) -> None:
    await record(tmp_path, (make_request(), "one"))
    (part,) = (tmp_path / "parts").glob("*.txt")
    part.write_text("Another prompt.", encoding="utf-8")
    with pytest.raises(RecordingInvalid, match=r"\.txt was edited"):
        ReplayBackend(tmp_path)
    part.unlink()
    with pytest.raises(RecordingInvalid, match=r"line 1 needs .*cannot be read"):
        ReplayBackend(tmp_path)
