"""The answer cut into pieces, so that a page can mark what each grade rests on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from service.domain.invisible import find_invisible
from service.evaluation.results.shown import Span

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]+")  # not allowed in HTML and XML
_FEW = 3  # more characters than that are counted, not named


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of the answer. `sides`: the grades (0, 1) whose evidence covers it. `ends`: the spans that end after it.

    `hidden`: the text stands for characters that nobody would see.
    """

    text: str
    sides: tuple[int, ...]
    ends: tuple[tuple[int, str], ...]
    hidden: bool = False


def cut_segments(text: str, evidence: Sequence[Sequence[Span]]) -> tuple[Segment, ...]:
    """The whole text in order; `evidence` holds the spans of one grade, or of both. Spans may overlap.

    A span that reaches past the text ends with it; an empty one marks nothing.
    """
    spans = [
        (side, max(0, span.start), min(len(text), span.end), span.criterion)
        for side, found in enumerate(evidence)
        for span in found
    ]
    spans = [span for span in spans if span[1] < span[2]]
    unseen = _find_unseen(text)
    edges = {0, len(text), *(edge for span in spans for edge in span[1:3]), *(edge for run in unseen for edge in run)}
    places = sorted(edges)
    hidden = {start for run in unseen for start in places if run[0] <= start < run[1]}
    return tuple(
        Segment(
            _name_unseen(text[start:end]) if start in hidden else text[start:end],
            tuple(sorted({side for side, first, last, _ in spans if first <= start and end <= last})),
            tuple(sorted({(side, criterion) for side, _, last, criterion in spans if last == end})),
            start in hidden,
        )
        for start, end in pairwise(places)
    )


def show_invisible(text: str) -> str:
    """The text with every invisible run named in its place: `⟨U+200B⟩`."""
    return "".join(segment.text for segment in cut_segments(text, ()))


def clean_text(text: str) -> str:
    """The text without control characters and what nobody sees; a rationale may quote U+202E, which turns it round."""
    return "".join(segment.text for segment in cut_segments(text, ()) if not segment.hidden)


def _find_unseen(text: str) -> tuple[tuple[int, int], ...]:
    return (*find_invisible(text), *(match.span() for match in _CONTROL.finditer(text)))


def _name_unseen(run: str) -> str:
    if len(run) > _FEW:
        return f"⟨{len(run)} invisible characters⟩"
    return "".join(f"⟨U+{ord(character):04X}⟩" for character in run)
