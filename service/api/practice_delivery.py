"""How an answer was spoken, in neutral words: what was counted, beside what speakers usually do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from service.api.practice_words import write_seconds
from service.domain.delivery import REFERENCES, Delivery, Reference


@dataclass(frozen=True, slots=True)
class Figure:
    """One count on the page; `says` is what speakers usually do and who found that, empty where nobody did."""

    name: str
    value: str
    says: str = ""


def list_figures(delivery: Delivery) -> Iterator[Figure]:
    """What could be counted; what the recording is too short for is left out."""
    yield Figure("Speaking time", write_seconds(delivery.speaking_seconds), f"{delivery.words} words")
    if delivery.words_per_minute is not None:
        usual = _describe(REFERENCES["words_per_minute"])
        yield Figure("Words a minute", f"{delivery.words_per_minute:.0f}", usual)
    if delivery.fillers_per_minute is not None:
        usual = _describe(REFERENCES["fillers_per_minute"])
        yield Figure("Fillers a minute", f"{delivery.fillers_per_minute:.1f}", f"at least; {usual}")
    if delivery.pauses is not None:
        yield Figure("Pauses over a second", str(delivery.pauses))
    if delivery.longest_pause_seconds:
        usual = _describe(REFERENCES["longest_pause_seconds"], " s")
        yield Figure("Longest pause", f"{delivery.longest_pause_seconds:.1f} s", usual)


def _describe(usual: Reference, unit: str = "") -> str:
    span = f"{usual.low:g} to {usual.high:g}{unit}" if usual.low is not None else f"up to {usual.high:g}{unit}"
    return f"usual: {span} ({usual.source})"
