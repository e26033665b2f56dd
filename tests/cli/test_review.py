"""`review …`: a queue, a second opinion, an override, a decision, and what they agree on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from service.cli.batches_using import open_for_use
from service.config import Settings
from service.store.completion import AnswerKey
from tests.cli.batches import submit_and_grade, write_answers
from tests.cli.running import Run

CRITERIA = ("situation-and-task", "own-action", "result", "reflection", "relevance")


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """The data folder, a batch that everything of is in the random sample, and a blind one."""
    folder = tmp_path_factory.mktemp("reviewed")
    file, settings = write_answers(folder / "answers.csv", 3), Settings(data_dir=folder / "data")
    seen = submit_and_grade(file, settings, sample_share=1.0)
    return folder / "data", seen, submit_and_grade(file, settings, sample_share=1.0, blind_reviews=True)


@pytest.fixture
def batch_id(graded: tuple[Path, str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("GRADER_DATA_DIR", str(graded[0]))
    return graded[1]


def choose_levels(cli: Run, batch_id: str, number: int, level: str) -> list[str]:
    criteria = cli("review", "show", batch_id, str(number), "--json").json["criteria"]
    return [part for name in criteria for part in ("--level", f"{name}={level}")]


def test_override_counts_and_the_machine_s_score_stays(cli: Run, batch_id: str) -> None:
    queue = cli("review", "queue", batch_id, "--as", "Dana")
    assert queue.out.splitlines()[0].split() == ["NUMBER", "PERSON", "OVERALL", "QUESTION", "WHY"]
    assert "sample" in queue.out
    before = cli("batches", "results", batch_id, "--json").json["ranked"]
    levels = choose_levels(cli, batch_id, 0, "5")
    cli("review", "add", batch_id, "0", *levels, "--as", "Dana", "--override").check_sentence(
        2, "reason: an override needs one."
    )
    made = cli("review", "add", batch_id, "0", *levels, "--as", "Dana", "--override", "--reason", "It is all there.")
    assert made.out.startswith("Stored. Dana (override): overall 5.00 (the grader's: ")
    after = cli("batches", "results", batch_id, "--json").json["ranked"]
    person = next(line for line in after if line["candidate"] == "c001")
    assert (person["overall"], person["is_overridden"]) == (5.0, True)
    assert person["machine_overall"] == next(line["overall"] for line in before if line["candidate"] == "c001")
    assert "Dana (override): overall 5.00" in cli("review", "show", batch_id, "0").out
    assert "0" not in [row.split()[0] for row in cli("review", "queue", batch_id, "--as", "Dana").out.splitlines()]
    agreed = cli("review", "agree", batch_id)
    assert "Random sample: 1 of 2 answers are reviewed." in agreed.out
    assert "Too few: 1 answers that both judged" in agreed.out


def test_blind_reviewer_sees_no_score_before_giving_one(cli: Run, graded: tuple[Path, str, str], batch_id: str) -> None:
    blind = graded[2]
    assert batch_id != blind
    assert cli("review", "queue", blind, "--as", "Dana").out.splitlines()[0].split() == ["NUMBER", "PERSON", "QUESTION"]
    suggested = cli("batches", "show", blind).out
    assert f"Next: interview-grader review queue {blind}" in suggested
    assert "batches results" not in suggested  # they are refused just now
    hidden = cli("review", "show", blind, "0", "--as", "Dana")
    assert "Overall" not in hidden.out
    assert "are shown when you gave yours" in hidden.out
    found = cli("review", "show", blind, "0", "--as", "Dana", "--json").json
    assert (found["hidden"], found["grade"], found["reviews"], "result" in found) == (True, None, [], False)
    cli("review", "add", blind, "0", *choose_levels(cli, blind, 0, "none"), "--as", "Dana")
    shown = cli("review", "show", blind, "0", "--as", "Dana")
    assert "Overall" in shown.out
    assert "Dana (review): nothing observed" in shown.out


def test_grade_of_a_blind_batch_is_shown_by_no_other_way(
    cli: Run, graded: tuple[Path, str, str], batch_id: str
) -> None:
    def find_grade(batch: str) -> str:
        return asyncio.run(_find_grade(Settings(data_dir=graded[0]), batch))

    blind = find_grade(graded[2])
    refused = cli("grades", "show", blind)
    refused.check_sentence(2, "This grade is of a batch whose reviews are blind.")
    assert blind not in cli("grades", "list").out
    assert cli("grades", "show", find_grade(batch_id), "--json").json["status"] == "scored"


async def _find_grade(settings: Settings, batch_id: str) -> str:
    async with open_for_use(settings) as batches:
        row = await batches.results.answers.get(AnswerKey(batch_id, 0))
        assert row.grade is not None
        return row.grade


def test_person_decides(cli: Run, batch_id: str) -> None:
    done = cli("review", "decide", batch_id, "c002", "advance", "--as", "Dana", "--reason", "Clear evidence.")
    assert done.out == "c002: advance, decided by Dana.\n"
    newest = cli("audit", "list", "--json", "--limit", "1").json[0]
    assert newest["action"] == "decision.set"
    assert "c002" not in str(newest)  # what names a person must be deletable
    cli("review", "decide", batch_id, "c002", "hire", "--reason", "x").check_sentence(2, "DECISION is one of advance")
    cli("review", "decide", batch_id, "c999", "hold", "--reason", "x").check_sentence(2, "answers of nobody")
    cli("review", "decide", batch_id, "c002", "hold", "--reason", " ").check_sentence(2, "reason: a decision needs one")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("0", "--level", "own-action"), "--level 'own-action': expected CRITERION=LEVEL"),
        (("0", "--level", "own-action=6"), "--level 'own-action=6': expected a level from 1 to 5, or none."),
        (("0", "--level", "a=1", "--level", "a=2"), "--level a is given twice."),
        (("0", "--level", "nosuch=1"), "levels: the question does not ask for 'nosuch'."),
        (("0",), "is missing. Give it a level, or none for not observed."),
        (("99",), "no answer"),
    ],
)
def test_wrong_review_is_one_sentence(cli: Run, batch_id: str, arguments: tuple[str, ...], message: str) -> None:
    cli("review", "add", batch_id, *arguments, "--as", "Dana").check_sentence(2, message)
