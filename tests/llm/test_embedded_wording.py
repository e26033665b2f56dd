"""Telling counts and valuing does not, whatever the rubric; fillers weigh nothing."""

from __future__ import annotations

import pytest

from service.llm.embedded.wording import LEAST, MOST, Emphasis, measure_emphasis, read_wording

USUAL = Emphasis()


def weigh(text: str) -> float:
    return read_wording(text, USUAL).concreteness


def test_an_act_weighs_more_than_the_value_set_on_it() -> None:
    told = weigh('I rang her at five and said, "The part comes on Tuesday."')
    valued = weigh("Communication is essential, and a positive attitude is the key to success.")
    assert told > 2.0
    assert valued < 0.0


def test_advice_is_no_act() -> None:
    assert weigh("I check the log and call the depot.") > weigh("Check the log and call the depot.")


def test_fillers_weigh_nothing() -> None:
    assert weigh("um so I er rang the depot, uh, twice") == weigh("so I rang the depot, twice")


@pytest.mark.parametrize("text", ["", "7 7 7 7 7 7 7 7", "is is is is", "I I I I me me me", '"a" "b" "c" "d"'])
def test_no_sentence_leaves_the_range(text: str) -> None:
    assert LEAST <= weigh(text) <= MOST


def test_a_rubric_about_persons_looks_for_persons() -> None:
    persons = measure_emphasis(["I asked her what he had told her.", "She said he was right."])
    figures = measure_emphasis(["I sold 40 in two weeks.", "In March we had 12."])
    assert persons.persons > figures.persons
    assert figures.figures > persons.figures
    text = "After some time the parcel for her came in with the others and was left by the door."
    assert read_wording(text, persons).concreteness > read_wording(text, figures).concreteness
