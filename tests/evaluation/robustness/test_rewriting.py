"""Changes of wording: what they alter, and what they must leave."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.evaluation.robustness.draws import Draws
from service.evaluation.robustness.material import Grammar
from service.evaluation.robustness.rewriting import (
    break_grammar,
    hedge_clauses,
    make_transcript,
    shuffle_sentences,
)
from service.evaluation.robustness.sentences import has_list, join_sentences, split_sentences
from tests.evaluation.robustness.making import ANSWER, make_material

HEDGES = ("Maybe", "I think")
GRAMMAR = Grammar(forms={"found": "find", "has": "have"}, prepositions={"on": "in"})
PIECES = st.sampled_from(
    ["I", "listen", "she", '"No. Never."', "10:02", "(file)", "don't", "1.", "\n", "\n\n", ".", "?", "...", ",", " "]
)
PROSE = st.one_of(st.lists(PIECES, max_size=30).map(" ".join), st.text(max_size=120))
CLOSED = st.lists(
    st.sampled_from(["I call.", "She waits!", 'He said: "No. Not I."', "Why?", "It is done."]), min_size=2
)


@given(PROSE)
def test_sentences_join_to_the_answer(answer: str) -> None:
    assert join_sentences(split_sentences(answer)) == answer.strip()


def test_sentences_end_where_a_reader_ends_them() -> None:
    assert [sentence.text for sentence in split_sentences(ANSWER)] == [
        "I let Petra finish.",
        'Then she said: "It is late. I am cross."',
        "I checked the order, and I found the fault at 10:02.",
        "She asked for a date on Friday, so I gave her the date.",
        "Two days later I called.",
        "Tom never had to wait again.",
    ]
    assert [one.text for one in split_sentences("1. I ask.\n2. I call.")] == ["1. I ask.", "2. I call."]


def test_hedges_stand_before_sentences_and_clauses() -> None:
    hedged = hedge_clauses("Then she left. I rang her, and I found it. Petra knew.", ("Maybe",), 1.0, Draws("h"))
    assert hedged == "Maybe then she left. Maybe I rang her, and maybe I found it. Maybe Petra knew."
    assert hedge_clauses("1. Asked her.", ("Perhaps",), 1.0, Draws("h")) == "1. Perhaps asked her."


@given(CLOSED.map(" ".join), st.integers())
def test_hedging_only_adds_hedges(answer: str, seed: int) -> None:
    hedged = hedge_clauses(answer, HEDGES, 0.5, Draws(str(seed)))
    bare = re.sub(r"\b(?:maybe|i think) ", "", hedged.lower())
    assert bare == answer.lower()


def test_grammar_is_broken_where_the_rules_say() -> None:
    broken = break_grammar("The man always asks a lot. She carries it on and found the file.", GRAMMAR, 1.0, Draws("g"))
    assert broken == "Man always ask lot. She carry it in and find file."
    assert break_grammar("She goes. He has it. She always is.", GRAMMAR, 1.0, Draws("g")) == (
        "She go. He have it. She always is."
    )


@given(st.integers())
def test_a_learner_keeps_negations_numbers_and_names(seed: int) -> None:
    broken = break_grammar(
        ANSWER + " I don't argue and I cannot lie.", make_material().phrases.grammar, 0.5, Draws(str(seed))
    )
    for kept in ("10:02", "Petra", "Tom", "Friday", "never", "don't", "cannot", "order", "fault"):
        assert kept in broken


def test_a_transcript_has_no_marks_of_writing() -> None:
    heard = make_transcript(
        '1. I wait, then Tom\'s call: 10:02!\n2. "Done" - 50 % off.', ("um",), {"then": "than"}, 0.0, Draws("t")
    )
    assert heard == "i wait then tom's call 10:02 done 50 % off"
    noisy = make_transcript("I wait then.", ("um",), {"then": "than"}, 1.0, Draws("t"))
    assert noisy.startswith("um i")
    assert noisy.endswith("than")


@given(PROSE, st.integers())
def test_a_transcript_without_noise_keeps_the_words(answer: str, seed: int) -> None:
    heard = make_transcript(answer, ("um",), {}, 0.5, Draws(str(seed)))
    assert "\n" not in heard
    assert not re.search(r"[A-Z,;!?\"]", heard.replace("İ", ""))
    if answer.isascii() and not has_list(answer):
        words = Counter(re.findall(r"[a-z]+", heard.replace("um", "")))
        assert words == Counter(re.findall(r"[a-z]+", answer.lower().replace("um", "")))


@given(CLOSED, st.integers())
def test_shuffling_keeps_every_sentence(sentences: list[str], seed: int) -> None:
    answer = "\n\n".join(" ".join(sentences[at : at + 3]) for at in range(0, len(sentences), 3))
    shuffled = shuffle_sentences(answer, Draws(str(seed)))
    assert shuffled is not None
    assert Counter(one.text for one in split_sentences(shuffled)) == Counter(sentences)
    assert shuffled.count("\n\n") == answer.count("\n\n")
    if len(set(sentences)) == len(sentences):
        assert shuffled != answer


@pytest.mark.parametrize("answer", ["Only one.", "1. I ask.\n2. I call.", "I ask. and then nothing", ""])
def test_what_cannot_be_shuffled_is_left(answer: str) -> None:
    assert shuffle_sentences(answer, Draws("x")) is None
