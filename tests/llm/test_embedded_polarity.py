"""Denied harm is good conduct, denied service is harm, and what others do is neither."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from service.llm.embedded.polarity import Stance, is_negated, is_own, read_stance

SENTENCES = yaml.safe_load((Path(__file__).parents[1] / "data" / "embedded_polarity.yaml").read_text("utf-8"))


@pytest.mark.parametrize("sentence", SENTENCES["harms"])
def test_harm_is_read_as_harm(sentence: str) -> None:
    assert read_stance(sentence) is Stance.HARMS


@pytest.mark.parametrize("sentence", SENTENCES["harmless"])
def test_harmless_is_not_read_as_harm(sentence: str) -> None:
    assert read_stance(sentence) is not Stance.HARMS


def test_denied_harm_serves() -> None:
    assert read_stance("I never raise my voice.") is Stance.SERVES


def test_what_the_customer_does_is_not_the_speakers_act() -> None:
    assert not is_own("He was shouting at the desk.")
    assert not is_own("You must listen to them.")
    assert is_own("I let him shout.")
    assert is_own("Checked the meter readings.")


def test_an_inability_is_no_denial() -> None:
    assert not is_negated("I couldn't release it myself.")
    assert is_negated("I didn't release it.")
