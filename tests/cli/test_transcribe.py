"""Recordings at the command line: `transcribe`, and `grade` of a spoken answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.cli import spoken
from service.domain.transcript import DOUBTFUL_BELOW, Transcript
from tests.cli.running import Run
from tests.speech.sounds import ANSWER, GERMAN, RECORDED, SENTENCE, read_words

QUESTION = "de-escalate-angry-customer"


@pytest.fixture(autouse=True)
def recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Whisper heard in the committed recordings."""
    monkeypatch.setenv("GRADER_TRANSCRIBER", f"recorded/{RECORDED}")


def test_the_words_alone_are_printed(cli: Run) -> None:
    shown = cli("transcribe", SENTENCE)
    assert (shown.code, shown.out.strip()) == (0, cli("transcribe", SENTENCE, "--json").json["text"])
    assert "11 words in 3 s" in shown.err


def test_a_recording_that_ends_early_is_told(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    told = "words may be missing"
    assert told not in cli("transcribe", SENTENCE).err
    whole = spoken.hear_file

    def cut(*arguments: Any) -> Transcript:
        return whole(*arguments).model_copy(update={"was_cut_off": True})

    monkeypatch.setattr(spoken, "hear_file", cut)
    assert told in cli("transcribe", SENTENCE).err


def test_json_holds_times_and_delivery(cli: Run) -> None:
    told = cli("transcribe", SENTENCE, "--json").json
    words = told["transcript"]["words"]
    assert told["text"] == " ".join(word["text"] for word in words)
    assert all(word["start_seconds"] <= word["end_seconds"] for word in words)
    assert told["delivery"]["words"] == len(words)
    assert told["doubt"] is None
    assert all(words[place]["confidence"] < DOUBTFUL_BELOW for place in told["doubtful"])


def test_another_language_is_doubted(cli: Run) -> None:
    shown = cli("transcribe", GERMAN)
    assert shown.code == 3
    assert "probably not what was said" in shown.err


def test_what_is_no_recording(cli: Run, tmp_path: Path) -> None:
    file = tmp_path / "notes.wav"
    file.write_text("These are words, and no sound.")
    cli("transcribe", file).check_sentence(2, "notes.wav", "Record again")
    cli("transcribe", tmp_path / "none.wav").check_sentence(2, "none.wav", "No such file")
    cli("transcribe", tmp_path).check_sentence(2, "cannot be read")
    cli("transcribe", SENTENCE, "--language", "English").check_sentence(2, "--language", "ISO 639-1")


def test_a_transcriber_that_fails(cli: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GRADER_TRANSCRIBER", f"recorded/{tmp_path}")
    cli("transcribe", SENTENCE).check_sentence(1)
    monkeypatch.setenv("GRADER_TRANSCRIBER", "none")
    cli("transcribe", SENTENCE).check_sentence(1, "interview-grader[speech]")
    monkeypatch.setenv("GRADER_TRANSCRIBER", "parrot")
    cli("transcribe", SENTENCE).check_sentence(1, "GRADER_TRANSCRIBER")


@pytest.mark.parametrize("place", ["option", "argument"])
def test_a_spoken_answer_is_graded(cli: Run, place: str, count_grades: Callable[[], int]) -> None:
    answer = ["--audio", ANSWER] if place == "option" else [ANSWER]
    grade = cli("grade", *answer, "--question", QUESTION, "--json").json
    spoken = grade["spoken"]
    assert grade["status"] == "scored"
    assert len(set(grade["answer"].split()) & set(read_words(ANSWER).split())) > 20
    assert (spoken["transcription"], spoken["is_corrected"]) == (None, False)
    assert spoken["transcriber"].startswith("whisper/")
    assert spoken["delivery"]["words"] == len(grade["answer"].split())
    assert count_grades() == 1
    shown = cli("grades", "show", grade["id"])
    assert "no part of the score" in shown.out


def test_what_was_heard_badly_has_no_score(cli: Run) -> None:
    shown = cli("grade", "--audio", GERMAN, "--question", QUESTION)
    assert shown.code == 3
    assert "Not scored" in shown.out
    assert "Heard: " in shown.out


def test_a_typed_answer_says_nothing_of_speech(cli: Run, answer: Path) -> None:
    assert "spoken" not in cli("grade", answer, "--question", QUESTION, "--json").json


def test_what_is_asked_is_checked_before_listening(cli: Run, answer: Path) -> None:
    cli("grade", "--audio", SENTENCE).check_sentence(2, "--question is missing")
    cli("grade", answer, "--audio", SENTENCE, "--question", QUESTION).check_sentence(2, "two answers")
    cli("grade", "--audio", "none.wav", "--question", QUESTION, "--prompt", "nope").check_sentence(2, "nope")
