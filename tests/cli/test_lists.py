"""`grades`, `keys`, `rubrics`, `questions` and `prompts`: their tables and their JSON."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from tests.cli.running import GOOD_ANSWER, QUESTION, ROOT, RUBRIC, Run
from tests.practice.rig import attempt
from tests.practice.test_records import MARK, TELLING, list_files_with, list_recordings, record, run_spoken

RUBRIC_FILE = ROOT / "rubrics" / RUBRIC / "v1.yaml"


def test_stored_grade_is_listed_shown_and_deleted(cli: Run) -> None:
    made = cli("grade", "--json").json
    assert made["id"] in cli("grades", "list").out
    assert json.loads(cli("grades", "list", "--json").out) == made
    assert cli("grades", "show", made["id"], "--json").json == made
    assert f"{made['id']}." in cli("grades", "show", made["id"]).out
    assert cli("grades", "delete", made["id"]).out == f"Grade {made['id']} is deleted.\n"
    cli("grades", "show", made["id"]).check_sentence(2, "There is no grade with this id.")


def test_shown_grade_is_the_page_of_its_making(cli: Run, answer: Path) -> None:
    page = cli("grade", answer, "--question", QUESTION).out
    grade_id = re.findall(r"grd_\w+", page)[-1]
    assert cli("grades", "show", grade_id).out == page


def test_grade_is_deleted_with_json(cli: Run) -> None:
    grade_id = cli("grade", "--json").json["id"]
    assert cli("grades", "delete", grade_id, "--json").json == {"id": grade_id, "deleted": True}


def test_a_spoken_attempts_grade_takes_words_and_recording_along(
    cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADER_DATA_DIR", str(tmp_path))

    async def practise() -> str:
        async with run_spoken(tmp_path) as (practice, speech):
            heard = await record(speech, keep=True)
            return (await attempt(practice, answer=TELLING, transcription=heard.id)).grade

    grade_id = asyncio.run(practise())
    assert list_recordings(tmp_path)
    assert cli("grades", "delete", grade_id).code == 0
    assert list_recordings(tmp_path) == []
    assert list_files_with(tmp_path, MARK) == []
    cli("grades", "delete", grade_id).check_sentence(2, "There is no grade with this id.")


def test_list_of_grades_is_newest_first_and_says_when_there_are_more(cli: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    first = cli("grade", tmp_path / "empty.txt", "--question", QUESTION, "--json").json["id"]
    second = cli("grade", tmp_path / "empty.txt", "--question", QUESTION, "--json").json["id"]
    header, *rows = cli("grades", "list").out.splitlines()
    assert header.split() == ["ID", "CREATED", "OVERALL", "REVIEW", "QUESTION", "RUBRIC"]
    assert [row.split()[0] for row in rows] == [second, first]
    assert "answer_empty" in rows[0]
    assert cli("grades", "list", "--limit", "1").err == "Only the newest 1 are shown; --limit shows up to 100.\n"
    assert cli("grades", "list", "--limit", "2").err == ""


@pytest.mark.parametrize(("group", "hint"), [("grades", "No grades are stored yet"), ("keys", "There are no API keys")])
def test_empty_list_says_how_to_begin(cli: Run, group: str, hint: str) -> None:
    shown = cli(group, "list")
    assert (shown.code, shown.out.count("\n")) == (0, 1)
    assert shown.err.startswith(hint)


def test_key_is_shown_once_and_stored_as_a_hash(cli: Run, data_folder: Path) -> None:
    secret = cli("keys", "create", "HR portal").out.split()[0]
    assert secret.startswith("ig_")
    listed = cli("keys", "list")
    assert "HR portal" in listed.out
    assert secret not in listed.out + cli("keys", "list", "--json").out
    assert all(secret.encode() not in file.read_bytes() for file in data_folder.iterdir())


def test_keys_as_json(cli: Run) -> None:
    made = cli("keys", "create", "auditor", "--scope", "grades:read", "--scope", "grades:delete", "--json").json
    assert made.pop("key").startswith("ig_")
    assert (made["scopes"], made["revoked_at"]) == (["grades:delete", "grades:read"], None)
    assert datetime.fromisoformat(made["created_at"]).tzinfo
    assert "T" in made["created_at"]
    assert cli("keys", "list", "--json").json == [made]


def test_key_is_revoked(cli: Run) -> None:
    first, second = (cli("keys", "create", name, "--json").json["id"] for name in ("one", "two"))
    assert cli("keys", "revoke", first).out == f"Key {first} is revoked.\n"
    assert cli("keys", "revoke", second, "--json").json == {"id": second, "revoked": True}
    assert all(key["revoked_at"] for key in cli("keys", "list", "--json").json)


def test_rubrics_are_listed_and_shown(cli: Run) -> None:
    listed = cli("rubrics", "list", "--json").json
    assert [rubric["id"] for rubric in listed] == ["behavioural-interview", RUBRIC]
    shown = cli("rubrics", "show", RUBRIC, "--json").json
    assert len(shown["criteria"]) == 8
    page = cli("rubrics", "show", f"{RUBRIC}@v1").out
    for criterion in shown["criteria"]:
        assert f"{criterion['name']} ({criterion['id']})" in page
    assert page.endswith(f"Its questions: interview-grader questions --rubric {RUBRIC}\n")
    assert f"{RUBRIC}@v1" in cli("rubrics", "list").out


def test_questions_are_one_line_each_in_a_pipe(cli: Run) -> None:
    questions = cli("questions", "--rubric", "handling-difficult-customers", "--json").json
    label, header, *lines = cli("questions", "--rubric", "handling-difficult-customers").out.splitlines()
    assert label == "handling-difficult-customers@v1"
    assert header.split() == ["ID", "KIND", "QUESTION"]
    assert len(lines) == len(questions) == 28
    assert all(line.endswith(question["text"]) for line, question in zip(lines, questions, strict=True))
    everything = cli("questions").out.splitlines()
    assert len(everything) == (1 + 1 + 6) + 1 + (1 + 1 + 28), "each rubric: its label, a header, its questions"
    assert len(cli("questions", "--json").json) == 6 + 28


def test_schema_is_the_file_for_editors(cli: Run) -> None:
    assert cli("rubrics", "schema").out == (ROOT / "rubrics" / "schema.json").read_text(encoding="utf-8")


def test_good_rubric_passes_the_check(cli: Run) -> None:
    shown = cli("rubrics", "check", RUBRIC_FILE)
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith(f"{RUBRIC_FILE} is a valid rubric: {RUBRIC}@v1, 8 criteria, 28 questions, content hash")
    listed = cli("rubrics", "list", "--json").json
    checked = cli("rubrics", "check", RUBRIC_FILE, "--json").json
    assert checked == {"rubric": f"{RUBRIC}@v1", "hash": listed[1]["hash"], "valid": True}


def test_rubric_whose_weights_are_all_zero_is_refused(cli: Run, tmp_path: Path) -> None:
    content = yaml.safe_load(RUBRIC_FILE.read_text(encoding="utf-8"))
    weights = content["questions"][0]["weights"]
    content["questions"][0]["weights"] = dict.fromkeys(weights, 0)
    (tmp_path / "zero.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    shown = cli("rubrics", "check", tmp_path / "zero.yaml")
    assert (shown.code, shown.out) == (2, "")
    assert "questions.0.weights: expected at least one weight above zero" in shown.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "rubric.yaml"),
        (b"- a list", "line 1"),
        (b"id: [", "rubric.yaml line "),
        (b"id: \xff", "byte 5 is not valid UTF-8"),
        (b"format: 1\nid: x\nid: y\n", "line 3"),
    ],
)
def test_broken_rubric_names_the_place(cli: Run, tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "rubric.yaml").write_bytes(content)
    shown = cli("rubrics", "check", tmp_path / "rubric.yaml")
    assert (shown.code, shown.out) == (2, "")
    assert message in shown.err
    assert "Traceback" not in shown.err


def test_prompts_are_listed_and_shown(cli: Run) -> None:
    assert [prompt["name"] for prompt in cli("prompts", "list", "--json").json] == ["grade", "grade-each"]
    assert "grade-each@v1" in cli("prompts", "list").out
    source = (ROOT / "prompts" / "grade" / "v1.md").read_text(encoding="utf-8")
    assert cli("prompts", "show", "grade@v1").out == source
    assert cli("prompts", "show", "grade", "--json").json["text"] == source


def test_rendered_prompt_holds_the_answer_and_sends_nothing(cli: Run, answer: Path, data_folder: Path) -> None:
    shown = cli("prompts", "render", "grade@v1", answer, "--question", QUESTION)
    assert shown.code == 0
    assert GOOD_ANSWER in shown.out
    assert "── call 1 of 1, system ──" in shown.out
    requests = cli("prompts", "render", "grade-each", answer, "--question", QUESTION, "--json").json
    assert len(requests) == 3
    assert not data_folder.exists()


def test_difference_between_prompts(cli: Run) -> None:
    shown = cli("prompts", "diff", "grade@v1", "grade-each@v1").out
    assert shown.startswith("--- grade@v1\n+++ grade-each@v1\n")
    assert cli("prompts", "diff", "grade@v1", "grade").out == ""
    assert cli("prompts", "diff", "grade@v1", "grade-each", "--json").json == {
        "old": "grade@v1",
        "new": "grade-each@v1",
        "diff": shown,
    }


def test_own_prompt_with_an_unknown_variable_is_refused(
    cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = (ROOT / "prompts" / "grade" / "v1.md").read_text(encoding="utf-8")
    own = tmp_path / "assets" / "prompts" / "grade" / "v1.md"
    own.parent.mkdir(parents=True)
    own.write_text(source.replace("{{ rubric.title }}", "{{ rubrik.title }}"), encoding="utf-8")
    monkeypatch.setenv("GRADER_ASSETS_DIR", str(tmp_path / "assets"))
    for command in (["grade"], ["prompts", "list"], ["prompts", "show", "grade"]):
        cli(*command).check_sentence(2, f"{own}: variables rubrik: used in the text but not declared")


def test_own_rubrics_replace_the_shipped(cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "assets" / "rubrics" / "mine" / "v2.yaml"
    own.parent.mkdir(parents=True)
    content = yaml.safe_load(RUBRIC_FILE.read_text(encoding="utf-8")) | {"id": "mine", "version": 2}
    own.write_text(yaml.safe_dump(content), encoding="utf-8")
    monkeypatch.setenv("GRADER_ASSETS_DIR", str(tmp_path / "assets"))
    assert [rubric["id"] for rubric in cli("rubrics", "list", "--json").json] == ["mine"]
    assert cli("grade").code == 2
    assert cli("grade", own.parent.parent, "--question", QUESTION).code == 2
    assert cli("questions", "--rubric", "mine").code == 0
