from __future__ import annotations

import random
import time
import tracemalloc
from pathlib import Path

import pytest

from service.batches.intake.duplicates import MIN_WORDS, REMEMBERED, DuplicateFinder, Earlier
from tests.batches.intake.files import ANGRY, EMPATHY, HEADER, read_file
from tests.evaluation.importing.tables import write_csv

HONEST = (
    "A lady came in last winter because her heating had failed twice in a week. I let her tell the whole story before "
    "I said anything, and then I told her that I would be furious too. I rang our engineer while she was standing "
    "there, moved his first visit of the afternoon, and gave her my own number. The next morning I called to hear "
    "whether it was warm, and she has sent us two neighbours since."
)
ANOTHER = (
    "At the hotel a guest shouted at me because his room looked onto the car park. I let him tell the whole story and "
    "said that I understood. I could not move him, as we were full, so I asked what mattered most, and it was the "
    "noise. We found him a room at the back for the second night and paid for his breakfast. What I learned is to ask "
    "before I offer."
)


def edit(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize(
    "copy",
    [
        edit(HONEST, {"last winter": "two years ago", "lady": "woman", "two neighbours": "her brother"}),
        edit(HONEST, {"her": "his", "she": "he"}),
        HONEST.partition(". ")[2],
        HONEST + " That is how I like to work, and I would do it again in the same way.",
        "Well, so, let me think. " + HONEST.replace(",", " –").upper(),
        edit(HONEST, {"heating had failed": "boiler had broken down", "furious": "angry", "engineer": "plumber"}),
    ],
)
def test_a_copy_with_a_few_words_changed_is_found(copy: str) -> None:
    finder = DuplicateFinder()
    assert finder.add(0, ANGRY, HONEST) == Earlier()
    assert finder.add(1, ANGRY, ANOTHER) == Earlier()
    assert finder.add(2, ANGRY, copy) == Earlier(similar_to=0)
    assert finder.add(3, EMPATHY, copy) == Earlier()  # of another question


def test_the_same_words_are_a_duplicate_whatever_their_case_and_blanks() -> None:
    finder = DuplicateFinder()
    finder.add(4, ANGRY, "  I would\n ask my MANAGER. ")
    assert finder.add(7, ANGRY, "I would ask my manager.") == Earlier(duplicate_of=4)
    assert finder.add(8, ANGRY, "I would ask my managers.") == Earlier()  # short ones only when they are the same
    assert finder.add(9, EMPATHY, "I would ask my manager.") == Earlier()
    assert len(["I", "would", "ask", "my", "managers."]) < MIN_WORDS


def test_the_first_of_several_copies_is_named() -> None:
    finder = DuplicateFinder()
    for number in range(3):
        finder.add(number, ANGRY, HONEST + f" {number}")
    assert finder.add(3, ANGRY, HONEST + " 0") == Earlier(duplicate_of=0)
    finder.add(4, ANGRY, ANOTHER)
    assert finder.add(5, ANGRY, ANOTHER.upper()) == Earlier(duplicate_of=4)


def test_different_answers_made_of_the_same_phrases_are_not_found() -> None:
    """1,000 answers of eight out of sixty stock sentences would be alike in some; of words in any order, in none."""
    rng = random.Random(1)
    words = (HONEST + " " + ANOTHER).split()
    finder = DuplicateFinder()
    found = [finder.add(n, ANGRY, " ".join(rng.choices(words, k=75))) for n in range(1_000)]
    assert found == [Earlier()] * 1_000


def test_nine_in_ten_of_copies_with_one_word_in_fifteen_changed_are_found() -> None:
    rng = random.Random(2)
    words = [f"word{n}" for n in range(2_000)]
    finder, found = DuplicateFinder(), 0
    for n in range(0, 400, 2):
        text = rng.choices(words, k=75)
        finder.add(n, ANGRY, " ".join(text))
        for place in rng.sample(range(75), 5):
            text[place] = rng.choice(words)
        found += finder.add(n + 1, ANGRY, " ".join(text)) == Earlier(similar_to=n)
    assert found >= 180


def test_only_the_last_answers_are_looked_back_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.batches.intake.duplicates.REMEMBERED", 100)
    finder = DuplicateFinder()
    finder.add(0, ANGRY, HONEST)
    for n in range(1, 101):
        finder.add(n, ANGRY, f"I looked up order {n}, rang depot {n * 7} and wrote letter {n * 13} to her.")
    assert finder.add(101, ANGRY, HONEST.upper()) == Earlier()
    assert finder.add(102, ANGRY, HONEST + " So.") == Earlier(similar_to=101)
    assert finder.add(103, ANGRY, HONEST) == Earlier(duplicate_of=101)


@pytest.mark.slow
def test_what_is_remembered_takes_at_most_60_mb() -> None:
    tracemalloc.start()
    try:
        finder = DuplicateFinder()
        for n in range(REMEMBERED + 10_000):
            finder.add(n, ANGRY, f"Order {n}.")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 60_000_000


@pytest.mark.slow
def test_an_answer_takes_less_than_a_third_of_a_millisecond_however_many_there_are() -> None:
    rng = random.Random(3)
    words = [f"word{n}" for n in range(2_000)]
    texts = [" ".join(rng.choices(words, k=75)) for _ in range(40_000)]
    finder = DuplicateFinder()
    taken = []
    for start in range(0, 40_000, 20_000):
        before = time.process_time()
        for n in range(start, start + 20_000):
            finder.add(n, ANGRY, texts[n])
        taken.append((time.process_time() - before) / 20_000)
    assert max(taken) < 0.3e-3
    assert taken[1] < 1.5 * taken[0]


def test_answers_of_a_file_name_the_earlier_ones(tmp_path: Path) -> None:
    rows = [
        HEADER,
        ("c1", ANGRY, HONEST),
        ("c2", ANGRY, ""),
        ("c2", ANGRY, HONEST.replace("lady", "man")),
        ("c1", ANGRY, HONEST),
    ]
    found = [
        (one.number, one.duplicate_of, one.similar_to) for one in read_file(write_csv(tmp_path / "a.csv", rows)).answers
    ]
    assert found == [(0, None, None), (1, None, 0), (2, 0, None)]
