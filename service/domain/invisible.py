"""Characters that nobody sees but a model reads: finding them, removing them, and reading a text as a person sees it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cached_property

_TAGS = {country: "".join(chr(0xE0000 + ord(letter)) for letter in country) for country in ("gbeng", "gbsct", "gbwls")}
_INVISIBLE = (
    "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_EMOJI = "[©®‼⁉™ℹ\u2190-\u2bff〰〽㊗㊙\U0001f000-\U0001faff][\ufe0e\ufe0f]?[\U0001f3fb-\U0001f3ff]?"
_IDEOGRAPH = "[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
# Arabic to Mandaic, the scripts of India, Tibetan, Myanmar, Khmer, Mongolian: their letters change shape at a joiner
_JOINING_LETTER = "[\u0600-\u085f\u08a0-\u0dff\u0f00-\u109f\u1780-\u18af]"
_SEQUENCE = re.compile(
    f"\U0001f3f4(?:{'|'.join(_TAGS.values())})\U000e007f"  # the flags of England, Scotland and Wales
    f"|{_EMOJI}(?:\u200d{_EMOJI})*"
    "|[0-9#*]\ufe0f\u20e3"  # keycaps
    f"|{_IDEOGRAPH}[\ufe00-\ufe0f\U000e0100-\U000e01ef]"  # a variant of one character, as in Japanese names
    f"|{_JOINING_LETTER}[\u200c\u200d]"
    f"|(?P<unseen>[{_INVISIBLE}]+)"
)
_ANY = re.compile(f"[{_INVISIBLE}]")


def find_invisible(text: str) -> tuple[tuple[int, int], ...]:
    """Runs of characters that nobody sees, as (start, end) in code points; those that emoji and scripts need are not."""
    if text.isascii() or _ANY.search(text) is None:
        return ()
    return tuple(match.span() for match in _SEQUENCE.finditer(text) if match["unseen"])


def strip_invisible(text: str) -> str:
    """The text without the characters that find_invisible finds.

    Repeated until nothing is left to find: taking one character out may join two others into a new sequence.
    """
    while runs := find_invisible(text):
        edges = [0, *(edge for run in runs for edge in run), len(text)]
        text = "".join(text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))
    return text


class _Fold(dict[int, str]):
    """Code point -> what a reader takes it for, in lower case without accents; worked out once per character."""

    def __missing__(self, code: int) -> str:
        decomposed = unicodedata.normalize("NFKD", chr(code).lower())
        self[code] = folded = "".join(
            _LOOKALIKES.get(part, part) for part in decomposed if unicodedata.category(part) not in {"Mn", "Cf"}
        ).lower()
        return folded


_LOOKALIKES = dict(
    zip(
        "авекмнорстухіјѕԁԛԝһɡɩıαβεικνορτυχγωϲӏօսոց‘’ʼ“”„«»–—―−‐‑",
        "abekmhopctyxijsdqwhgiiabeikvoptuxywcloung" + "'" * 3 + '"' * 5 + "-" * 6,
        strict=True,
    )
)
_LOOKALIKES |= {"\u3164": "", "\uffa0": "", "\u1160": ""}  # letters of Hangul that show nothing
_FOLD = _Fold()


class SeenText:
    """A text as its reader sees it: lower case, no accents, no invisible characters, lookalike letters as Latin ones."""

    def __init__(self, original: str) -> None:
        self.original = original
        self.text = fold(original)

    @cached_property
    def _places(self) -> Sequence[int]:
        if self.original.isascii():
            return range(len(self.original))
        return [place for place, character in enumerate(self.original) for _ in _FOLD[ord(character)]]

    def locate(self, start: int, end: int) -> tuple[int, int]:
        """(start, end) in code points of the original, for a non-empty stretch of `text`."""
        return self._places[start], self._places[end - 1] + 1


def fold(text: str) -> str:
    """The text as SeenText reads it; not longer or shorter by a fixed amount, so offsets need SeenText.locate."""
    return text.lower() if text.isascii() else text.translate(_FOLD)
