"""`grade`: what goes in, what comes out."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import GOOD_ANSWER, QUESTION, RUBRIC, Run

RIGHT_TO_LEFT, END = "\u202e", "\u202c"
BOM = "\ufeff"


class Stdin(io.TextIOWrapper):
    """Standard input with these bytes."""

    def __init__(self, content: bytes, is_terminal: bool = False) -> None:
        super().__init__(io.BytesIO(content), encoding="utf-8")
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


def find_quotes(value: Any) -> Iterator[str]:
    """Every quote anywhere in a grade's JSON."""
    if isinstance(value, dict):
        yield from [value["quote"]] if "quote" in value else []
        for inner in value.values():
            yield from find_quotes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from find_quotes(inner)


def test_sample_is_graded_and_stored(cli: Run, count_grades: Callable[[], int]) -> None:
    shown = cli("grade")
    assert (shown.code, shown.err) == (0, "")
    assert "Try your own:" in shown.out
    assert count_grades() == 1


def test_own_answer_comes_without_the_hints(cli: Run, answer: Path) -> None:
    shown = cli("grade", answer, "--question", QUESTION)
    assert shown.code == 0
    assert "Try your own:" not in shown.out


def test_json_is_the_grade_and_nothing_else(cli: Run, answer: Path) -> None:
    grade = cli("grade", answer, "--question", QUESTION, "--json").json
    assert (grade["status"], grade["rubric"]["id"], grade["question"]["id"]) == ("scored", RUBRIC, QUESTION)
    assert grade["answer"] == GOOD_ANSWER
    assert grade["provenance"]["backend"] == "embedded"
    assert 1 <= grade["overall"]["score"] <= 5


@pytest.mark.parametrize("arguments", [[], ["--mode", "screening"], ["--samples", "2"], ["--prompt", "grade-each"]])
def test_every_quote_stands_in_the_answer(cli: Run, arguments: list[str]) -> None:
    grade = cli("grade", "--json", *arguments).json
    evidence = [found for criterion in grade["criteria"] for found in criterion["evidence"]]
    evidence += [flag["evidence"] for criterion in grade["criteria"] for flag in criterion["red_flags"]]
    assert evidence
    for found in evidence:
        assert grade["answer"][found["start"] : found["end"]] == found["quote"]
    assert all(quote in grade["answer"] for quote in find_quotes(grade))


def test_offsets_count_code_points(cli: Run, tmp_path: Path) -> None:
    text = f"😀 Grüße! {GOOD_ANSWER}"
    (tmp_path / "emoji.txt").write_text(text, encoding="utf-8")
    grade = cli("grade", tmp_path / "emoji.txt", "--question", QUESTION, "--json").json
    evidence = [found for criterion in grade["criteria"] for found in criterion["evidence"]]
    assert evidence
    assert all(text[found["start"] : found["end"]] == found["quote"] for found in evidence)


@pytest.mark.parametrize(
    ("arguments", "path", "value"),
    [
        (["--mode", "screening"], "mode", "screening"),
        (["--rubric", f"{RUBRIC}@v1"], "rubric.version", 1),
        (["--prompt", "grade-each@v1"], "provenance.prompt.id", "grade-each"),
        (["--samples", "3"], "provenance.samples", 3),
        (["--model", "embedded"], "provenance.model_requested", "embedded"),
    ],
)
def test_option_reaches_the_grade(cli: Run, answer: Path, arguments: list[str], path: str, value: object) -> None:
    found = cli("grade", answer, "--question", QUESTION, "--json", *arguments).json
    for name in path.split("."):
        found = found[name]
    assert found == value


def test_screening_coaches_nobody(cli: Run) -> None:
    feedback = cli("grade", "--mode", "screening", "--json").json["feedback"]
    assert (feedback["model_answer"], feedback["improvements"], feedback["next_step"]) == (None, [], None)


def test_question_can_be_given_as_text(cli: Run, answer: Path) -> None:
    text = "Tell me about a mistake you made at work."
    grade = cli("grade", answer, "--rubric", "behavioural-interview", "--question", text, "--json").json
    assert grade["question"]["text"] == text


def test_unstored_grade_opens_no_database(cli: Run, data_folder: Path) -> None:
    assert cli("grade", "--no-store").code == 0
    assert not data_folder.exists()


def test_answer_from_standard_input(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(GOOD_ANSWER.encode()))
    shown = cli("grade", "--question", QUESTION, "-", "--json")
    assert (shown.json["answer"], shown.err) == (GOOD_ANSWER, "")


def test_terminal_as_standard_input_says_what_to_do(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(GOOD_ANSWER.encode(), is_terminal=True))
    assert "Ctrl-D" in cli("grade", "--question", QUESTION, "-", "--json").err


@pytest.mark.parametrize(
    ("text", "reason", "sentence"),
    [
        ("", "answer_empty", "The answer holds no words."),
        (" \n\t\u00a0", "answer_empty", "The answer holds no words."),
        ("Yes", "answer_too_short", "The answer has 1 word; at least 5 are needed."),
        ("one two three four", "answer_too_short", "The answer has 4 words; at least 5 are needed."),
        ("I asked. " * 2_223, "answer_too_long", "The answer has 20,007 characters; at most 20,000 are graded."),
        (
            "Ich habe den Kunden gefragt, was passiert ist, und dann habe ich ihm in Ruhe zugehört.",
            "answer_wrong_language",
            "The answer seems to be in another language",
        ),
        ("The weather was nice and we went to the beach.", "nothing_observed", "Nothing in the answer shows any"),
    ],
)
def test_answer_without_a_score_says_why(cli: Run, tmp_path: Path, text: str, reason: str, sentence: str) -> None:
    file = tmp_path / "answer.txt"
    file.write_text(text, encoding="utf-8")
    grade = cli("grade", file, "--question", QUESTION, "--json")
    assert (grade.code, grade.json["status"], grade.json["reason"]["code"]) == (3, "unscored", reason)
    page = cli("grade", file, "--question", QUESTION)
    assert page.code == 3
    assert f"Not scored: {sentence}" in " ".join(page.out.split())
    assert "Overall" not in page.out


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"I asked \x00 her what happened", ["control character (U+0000) at character 9"]),
        (b"I asked \x1b[2J her what happened", ["control character (U+001B) at character 9"]),
        (b"I asked \xff her", ["byte 9 is not valid UTF-8", "Save the file with the encoding UTF-8"]),
        (b"I asked \xed\xa0\x80 her", ["byte 9 is not valid UTF-8"]),
        ("I asked what".encode("utf-16"), ["byte 1 is not valid UTF-8"]),
        (b"I" * 2_000_000, ["more than 1,000,000 bytes"]),
    ],
)
@pytest.mark.parametrize("place", ["answer.bin", "-"])
def test_unreadable_answer_is_bad_input(
    cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, parts: list[str], place: str
) -> None:
    (tmp_path / "answer.bin").write_bytes(content)
    monkeypatch.setattr(sys, "stdin", Stdin(content))
    cli("grade", place, "--question", QUESTION).check_sentence(2, *parts)


def test_missing_file_and_folder_are_named(cli: Run, tmp_path: Path) -> None:
    missing = cli("grade", "missing.txt", "--question", QUESTION)
    missing.check_sentence(2, "missing.txt: cannot be read (No such file or directory)")
    cli("grade", tmp_path, "--question", QUESTION).check_sentence(2, f"{tmp_path}: cannot be read (Is a directory)")


@pytest.mark.parametrize(
    "text",
    [
        f"{BOM}{GOOD_ANSWER}",
        f"{GOOD_ANSWER} {RIGHT_TO_LEFT}esrever{END}",
        f"{GOOD_ANSWER} 👩‍👩‍👧 👍🏽",
        GOOD_ANSWER * 60,
    ],
)
def test_strange_text_is_graded(cli: Run, tmp_path: Path, text: str) -> None:
    (tmp_path / "strange.txt").write_text(text, encoding="utf-8")
    grade = cli("grade", tmp_path / "strange.txt", "--question", QUESTION, "--json")
    assert grade.code == 0
    assert grade.json["answer"] == text.removeprefix(BOM)


def test_bad_input_stores_nothing(cli: Run, tmp_path: Path, data_folder: Path) -> None:
    (tmp_path / "nul.txt").write_bytes(b"I asked \x00 her what happened")
    cli("grade", tmp_path / "nul.txt", "--question", QUESTION)
    cli("grade", "missing.txt", "--question", QUESTION)
    assert cli("grades", "list", "--json").out == ""


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--rubric", "none"], ["There is no rubric 'none'. Known rubrics: behavioural-interview@v1", RUBRIC]),
        (["--question", "legal-treat"], ["No rubric has a question 'legal-treat'. Did you mean legal-threat?", RUBRIC]),
        (["--question", "x", "--rubric", RUBRIC], ["has no such question", "de-escalate-angry-customer"]),
        (["--prompt", "none"], ["There is no prompt 'none'. Known prompts: grade@v1, grade-each@v1."]),
    ],
)
def test_unknown_name_lists_the_known(cli: Run, answer: Path, arguments: list[str], parts: list[str]) -> None:
    cli("grade", answer, "--question", QUESTION, *arguments).check_sentence(2, *parts)


def test_unknown_form_of_model_lists_the_known(cli: Run) -> None:
    forms = "embedded, openai/<model>, litellm/<provider>/<model>, gguf/<path> or replay/<folder>"
    cli("grade", "--model", "gpt-5").check_sentence(1, "'gpt-5'", forms)


def test_recorded_grade_can_be_replayed(cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADER_RECORD_DIR", str(tmp_path / "recordings"))
    recorded = cli("grade", "--json").json
    monkeypatch.delenv("GRADER_RECORD_DIR")
    replayed = cli("grade", "--json", "--model", f"replay/{tmp_path / 'recordings'}").json
    assert replayed["criteria"] == recorded["criteria"]
    assert json.dumps(replayed["feedback"]) == json.dumps(recorded["feedback"])
