"""`batches` before and around grading: previewed, estimated, submitted, steered; nothing of it needs a worker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.batches import GOOD, RUBRIC, write_answers
from tests.cli.running import Outcome, Run

BAD_ROW = ("c900", "no-such-question-at-all", "An answer.")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_answers(tmp_path / "answers.csv")


def submit(cli: Run, file: Path, *options: str) -> Outcome:
    return cli("batches", "submit", file, "--rubric", RUBRIC, *options)


def test_preview_says_what_each_column_holds(cli: Run, file: Path) -> None:
    shown = cli("batches", "preview", file, "--rubric", RUBRIC)
    assert (shown.code, shown.err) == (0, "")
    assert "File: CSV; UTF-8; separated by comma" in shown.out
    assert "candidate_id  candidate  by its name" in shown.out
    assert "1  candidate: c001" in shown.out
    columns = cli("batches", "preview", file, "--rubric", RUBRIC, "--json").json["columns"]
    assert [column["holds"] for column in columns] == ["candidate", "question", "answer"]


def test_preview_of_unclear_columns_says_what_to_map(cli: Run, tmp_path: Path) -> None:
    file = tmp_path / "unclear.csv"
    file.write_text("Who,Words\nc1,Some answer\n", encoding="utf-8")
    shown = cli("batches", "preview", file, "--rubric", RUBRIC)
    assert shown.code == 2
    assert "Words   (left out)" in shown.out
    assert "To be mended: " in shown.err
    assert "--map answer=Words" in shown.err
    wide = tmp_path / "wide.csv"
    wide.write_text("candidate,Q1: What went wrong?\nc1,Some answer\n", encoding="utf-8")
    asked = "question:Q1: What went wrong?=Q1: What went wrong?"
    assert f"--map '{asked}', and so for each" in cli("batches", "submit", wide, "--rubric", RUBRIC).err
    assert cli("batches", "preview", wide, "--rubric", RUBRIC, "--map", asked).code == 0
    options = ("--map", "answer=Words", "--map", "candidate=Who", "--question", "worked-in-a-team")
    mapped = cli("batches", "preview", file, "--rubric", RUBRIC, *options)
    assert (mapped.code, mapped.err) == (0, "")
    assert "Words   answer     by --map" in mapped.out


def test_header_cannot_steer_the_terminal(cli: Run, tmp_path: Path) -> None:
    file = tmp_path / "evil.csv"
    file.write_text("candidate_id,question,answer,\x1b[2Jnote\nc1,worked-in-a-team,\x1b[31mred,x\n", encoding="utf-8")
    shown = cli("batches", "preview", file, "--rubric", RUBRIC)
    assert "\x1b" not in shown.out + shown.err


def test_estimate_asks_nothing(cli: Run, file: Path) -> None:
    told = cli("batches", "estimate", file, "--rubric", RUBRIC)
    assert told.code == 0
    assert "The batch would take this; nothing was asked or stored." in told.out
    assert "none: no language model is asked" in told.out
    assert "tokens" not in told.out
    found = cli("batches", "estimate", file, "--rubric", RUBRIC, "--json").json
    assert (found["answers"], found["sampled"]) == (6, 6)
    assert cli("batches", "list", "--json").json == []


def test_a_webhook_needs_a_secret_that_signs(cli: Run, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = (file, "--rubric", RUBRIC, "--webhook", "https://example.com/told", "--yes")
    missing = cli("batches", "submit", *options)
    assert (missing.code, "cannot be signed here" in missing.err) == (2, True)
    monkeypatch.setenv("GRADER_WEBHOOK_SECRET", "short")
    refused = cli("batches", "submit", *options)
    assert refused.code != 0
    assert "GRADER_WEBHOOK_SECRET is no signing secret." in refused.err
    assert cli("batches", "list", "--json").json == []


def test_submitted_without_a_worker_says_how_to_start_one(cli: Run, file: Path) -> None:
    done = submit(cli, file)
    assert (done.code, done.err) == (0, "")
    batch = cli("batches", "list", "--json").json[0]
    assert "question      question   by its name" in done.out  # before anything is graded
    assert f"Submitted 6 answers as batch {batch['id']}." in done.out
    assert "Nobody grades it yet" in done.out
    for command in ("interview-grader worker", "interview-grader serve", f"batches watch {batch['id']}"):
        assert command in done.out


def test_json_is_one_object_with_the_preview(cli: Run, file: Path) -> None:
    found = submit(cli, file, "--json", "--name", "Spring", "--cutoff", "3.5", "--blind", "--priority", "7").json
    assert (found["name"], found["state"], found["answers"], found["priority"]) == ("Spring", "running", 6, 7)
    assert (found["spec"]["cutoff"], found["spec"]["blind_reviews"]) == (3.5, True)
    assert (found["worker_alive"], found["same_file"], found["preview"]["form"]) == (False, None, "long")


def test_same_file_again_is_another_batch_and_says_so(cli: Run, file: Path) -> None:
    first = submit(cli, file, "--json").json["id"]
    second = submit(cli, file)
    assert f"A file with the same content was submitted before, as batch {first}" in second.err
    assert len(cli("batches", "list", "--json").json) == 2


def test_same_key_is_the_same_batch(cli: Run, file: Path) -> None:
    first = submit(cli, file, "--key", "spring", "--json").json["id"]
    again = submit(cli, file, "--key", "spring")
    assert f"submitted before with the same key: it is batch {first}" in again.out
    assert again.err == ""
    write_answers(file, 7)
    submit_err = submit(cli, file, "--key", "spring").err
    assert submit_err == (
        "interview-grader: This idempotency key was used before for another file or other settings. Use a new key.\n"
    )


def test_rows_left_out_are_counted_and_can_be_written(cli: Run, tmp_path: Path) -> None:
    file = write_answers(tmp_path / "answers.csv", extra=[BAD_ROW])
    done = submit(cli, file)
    assert "1 row could not be read and is left out: interview-grader batches rejected bat_" in done.err
    batch_id = cli("batches", "list", "--json").json[0]["id"]
    to_mend = tmp_path / "to_mend.csv"
    assert cli("batches", "rejected", batch_id, "-o", to_mend).out.endswith("1 rows.\n")
    header, row = to_mend.read_text(encoding="utf-8-sig").splitlines()
    assert header.startswith("candidate_id,question,answer,row,field,problem")
    assert row.startswith("c900,no-such-question-at-all,An answer.,8,question,")
    mended = to_mend.read_text(encoding="utf-8-sig").replace(BAD_ROW[1], "worked-in-a-team")
    to_mend.write_text(mended, encoding="utf-8")
    assert submit(cli, to_mend, "--json").json["answers"] == 1


def test_batch_is_named_by_its_first_characters(cli: Run, file: Path) -> None:
    batch_id = submit(cli, file, "--json").json["id"]
    for name in (batch_id, batch_id[:12], batch_id.removeprefix("bat_")[:6]):
        assert cli("batches", "show", name, "--json").json["id"] == batch_id
    submit(cli, file)
    cli("batches", "show", "bat_").check_sentence(2, "Several batches begin with 'bat_'")
    cli("batches", "show", "nosuch").check_sentence(2, "There is no batch that begins with 'nosuch'")


def test_batch_is_steered(cli: Run, file: Path) -> None:
    batch_id = submit(cli, file, "--json").json["id"]
    assert cli("batches", "pause", batch_id).out == f"Batch {batch_id} is paused.\n"
    assert "paused (person)" in cli("batches", "show", batch_id).out
    cli("batches", "pause", batch_id).check_sentence(2, "The batch is paused")
    assert cli("batches", "list", "--state", "paused", "--json").json[0]["id"] == batch_id
    assert cli("batches", "watch", batch_id).code == 1  # not done, and nothing to wait for
    assert cli("batches", "resume", batch_id, "--json").json["state"] == "running"
    cli("batches", "retry", batch_id).check_sentence(2, "No answer of this batch has failed")
    assert cli("batches", "cancel", batch_id).out == f"Batch {batch_id} is cancelled.\n"
    cli("batches", "resume", batch_id).check_sentence(2, "The batch is cancelled")
    actions = [entry["action"] for entry in cli("audit", "list", "--of", batch_id, "--json").json]
    assert actions == ["batch.cancelled", "batch.resumed", "batch.paused", "batch.created"]


def test_batch_is_deleted_for_good_and_not_by_accident(cli: Run, file: Path) -> None:
    batch_id = submit(cli, file, "--json").json["id"]
    cli("batches", "delete", batch_id).check_sentence(2, "Deleting is for good: add --yes")
    assert cli("batches", "delete", batch_id, "--yes").out == f"Batch {batch_id} is deleted.\n"
    cli("batches", "show", batch_id).check_sentence(2, "There is no batch")
    assert cli("batches", "list").err == (
        "There are no batches yet: interview-grader batches submit FILE --rubric ID\n"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--rubric", "nosuch"), "There is no rubric 'nosuch'."),
        (("--rubric", RUBRIC, "--map", "answer"), "--map 'answer': expected WHAT=HEADER, such as answer=Response."),
        (("--rubric", RUBRIC, "--map", "answer=a", "--map", "answer=b"), "--map answer is given twice."),
        (("--rubric", RUBRIC, "--limit-usd", "0"), "--limit-usd is an amount above 0, not 0.0."),
        (("--rubric", RUBRIC, "--limit-usd", "nan"), "--limit-usd is an amount above 0, not nan."),
        (("--rubric", RUBRIC, "--name", " "), "--name is empty."),
        (("--rubric", RUBRIC, "--cutoff", "6"), "Invalid value for '--cutoff'"),
        (("--rubric", RUBRIC, "--priority", "10"), "Invalid value for '--priority'"),
        ((), "Missing option '--rubric'."),
    ],
)
def test_wrong_option_is_one_sentence(cli: Run, file: Path, options: tuple[str, ...], message: str) -> None:
    done = cli("batches", "submit", file, *options)
    assert (done.code, "Traceback" in done.err) == (2, False)
    assert message in done.err


def test_unknown_column_is_told_with_those_there_are(cli: Run, file: Path) -> None:
    done = submit(cli, file, "--map", "answer=Antwort")
    assert done.code == 2
    assert "no column has the header 'Antwort'" in done.err.replace('"', "'")
    assert "candidate_id" in done.err
    assert cli("batches", "list", "--json").json == []


def make_unreadable(folder: Path, kind: str) -> Path:
    file = folder / f"{kind}.csv"
    good = f"candidate_id,question,answer\nc1,worked-in-a-team,{GOOD}\n"
    texts = {
        "empty": "",
        "header_only": "candidate_id,question,answer\n",
        "same_headers": "answer,answer,question\na,b,worked-in-a-team\n",
        "open_quote": f'{good}c2,worked-in-a-team,"never closed\n',
        "too_many": good + f"c2,worked-in-a-team,{GOOD}\n" * 3,
    }
    if kind == "folder":
        file.mkdir()
    elif kind == "zip_as_xlsx":
        file = file.with_suffix(".xlsx")
        file.write_bytes(b"PK\x03\x04 this is no workbook")
    elif kind == "other_kind":
        file = file.with_suffix(".pdf")
        file.write_bytes(b"%PDF-1.7")
    elif kind != "missing":
        file.write_text(texts[kind], encoding="utf-8")
    return file


SLOW_KINDS = ("same_headers", "folder", "zip_as_xlsx", "other_kind", "too_many")  # the reader's own tests have them too


@pytest.mark.parametrize(
    "kind",
    [
        "missing",
        "empty",
        "header_only",
        "open_quote",
        *(pytest.param(kind, marks=pytest.mark.slow) for kind in SLOW_KINDS),
    ],
)
def test_unusable_file_is_a_sentence_and_leaves_nothing(
    cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("GRADER_MAX_BATCH_ROWS", "3")
    file = make_unreadable(tmp_path, kind)
    done = submit(cli, file)
    assert done.code == 2
    assert "Traceback" not in done.err
    assert file.name in done.err
    assert done.err.endswith(".\n")
    assert json.loads(cli("batches", "list", "--json").out) == []


def test_rejected_rows_do_not_overwrite(cli: Run, file: Path, tmp_path: Path) -> None:
    batch_id = submit(cli, file, "--json").json["id"]
    kept = tmp_path / "kept.csv"
    kept.write_text("mine", encoding="utf-8")
    cli("batches", "rejected", batch_id, "-o", kept).check_sentence(2, "is there already", "--force")
    assert kept.read_text(encoding="utf-8") == "mine"
    assert cli("batches", "rejected", batch_id, "-o", kept, "--force").code == 0
    cli("batches", "rejected", batch_id, "-o", tmp_path).check_sentence(2, "is a folder")
    cli("batches", "rejected", batch_id, "-o", tmp_path / "no" / "x.csv").check_sentence(2, "there is no such folder")
    assert not list(tmp_path.glob(".*.part"))
