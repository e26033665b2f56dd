"""Text that a person does not see and a model reads: invisible characters, lookalike letters, codes."""

from __future__ import annotations

import base64
import codecs
import html
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from urllib.parse import unquote

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
    """Runs of characters that nobody sees and no emoji or script needs, as (start, end) in code points."""
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


def keep_printable(text: str) -> str:
    """The text without line breaks, control, bidi and other format characters: a name that is safe in a terminal."""
    return "".join(character for character in text if character.isprintable())


_BIDI_OVERRIDE = re.compile("[\u202d\u202e]")
_BIDI_QUIET = re.compile("[\u202a-\u202c\u2066-\u2069]")  # phone books wrap a pasted number in one pair
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff]")
_SMUGGLING = re.compile(
    "[\U000e0000-\U000e007f]|[\ufe00-\ufe0f\U000e0100-\U000e01ef]{2}|[\u200b-\u200d\u2060-\u2064\ufeff]{4}"
)
_ZERO_WIDTH = re.compile("[\u200b-\u200d\u2060-\u2064\ufeff\u180e]")
_MANY_ZERO_WIDTH = 8  # web pages and chat programs leave some behind when text is copied
_MANY_BIDI = 3


def find_smuggling(text: str) -> Iterator[tuple[int, int]]:
    """The first invisible run, if any, that copying from a web page, a chat or a phone book does not explain."""
    runs = find_invisible(text)
    needs_bidi = bool(runs) and _RIGHT_TO_LEFT.search(text) is not None
    zero_width = bidi = 0
    for start, end in runs:
        run = text[start:end]
        zero_width += len(_ZERO_WIDTH.findall(run))
        bidi += 0 if needs_bidi else len(_BIDI_QUIET.findall(run))
        if _BIDI_OVERRIDE.search(run) or _SMUGGLING.search(run) or zero_width >= _MANY_ZERO_WIDTH or bidi >= _MANY_BIDI:
            yield start, end
            return


class _Fold(dict[int, str]):
    """Code point -> what a reader takes it for, in lower case without accents; worked out once per character."""

    def __missing__(self, code: int) -> str:
        letter = "" if _ANY.match(chr(code)) else chr(code).lower()
        decomposed = unicodedata.normalize("NFKD", _LOOKALIKES.get(letter, letter))
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
_FOLD = _Fold()


class SeenText:
    """A text as a person sees it: lower case, no accents, nothing invisible, lookalike letters as Latin ones."""

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


@dataclass(frozen=True, slots=True)
class Reading:
    """Another way to read a stretch of a text: decoded, reversed or joined together, in folded letters."""

    text: str
    locate: Callable[[int, int], tuple[int, int]]  # a stretch of the reading -> where it stands in the original
    is_hidden_message: bool = False  # readable text in a code: nobody answers an interviewer in base64


_CODES = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}|(?:[01]{8}[ ,]?){6,}|(?:(?:0x|\\x)?[0-9A-Fa-f]{2}[ ,:]?){12,}")
_ESCAPES = re.compile(r"%[0-9A-Fa-f]{2}|&#x?[0-9A-Fa-f]{2,6};|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}")
_LEET = re.compile(r"[013457@$](?<=[a-z].)[a-z]")
_LEET_LETTERS = (str.maketrans("013457@$", "oieastas"), str.maketrans("013457@$", "oleastas"))
_ROT13_HINTS = ("vtaber", "qvfertneq", "vafgehpgvba", "cebzcg", "fpber", "ehoevp")
_REVERSED_HINTS = ("erongi", "draggersid", "drageris", "snoitcurtsni", "tpmorp", "erocs", "cirbur")
_SPELT = re.compile(r"(?<![^\W_])[^\W_](?:[ .*_|·-][^\W_](?![^\W_])){2,}")
_SPELT_HINT = re.compile(r"(?:[ .*_|·-][^\W_]){4}(?![^\W_])")  # five letters
_CODE_HINT = re.compile(r"[01]{8}|[2-7][0-9A-Fa-f][ ,:](?:0x|\\x)?[2-7][0-9A-Fa-f]|\\x")
_CODE_LENGTH = 24  # of one unbroken code
_GLUED = re.compile(
    r"ignore(?:all|the|your|prev)|disregard|instructions|systemprompt|rubric|(?:highest|top|max)\w{0,4}score"
)
_UNREADABLE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ufffd]")
_WORDS = re.compile(r"[A-Za-z]{2}[ ,.:;]{1,2}[A-Za-z]")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_BACKSLASHED = re.compile(r"\\u([0-9A-Fa-f]{4})|\\x([0-9A-Fa-f]{2})")
_URL_SAFE = str.maketrans("-_", "+/")
_MIN_ESCAPES = 3
_MAX_CODES = 50  # pieces of one text that are decoded


def find_readings(seen: SeenText) -> Iterator[Reading]:
    """Other readings of the text, each only when something hints at it."""
    yield from _decode(seen.original)
    text = seen.text
    if len(_LEET.findall(text)) > 1:
        for letters in _LEET_LETTERS:
            yield Reading(text.translate(letters), seen.locate)
    if any(hint in text for hint in _ROT13_HINTS):
        yield Reading(codecs.encode(text, "rot13"), seen.locate)
    if any(hint in text for hint in _REVERSED_HINTS):
        yield Reading(text[::-1], lambda start, end: seen.locate(len(text) - end, len(text) - start))
    if _SPELT_HINT.search(text):
        runs = [run.span() for run in _SPELT.finditer(text)]
        glued = any(_GLUED.search(text[start:end:2]) for start, end in runs)
        place = seen.locate(runs[0][0], runs[-1][1])
        yield Reading(_SPELT.sub(lambda run: run[0][::2], text), _always(place), glued)


def _decode(original: str) -> Iterator[Reading]:
    is_likely = _CODE_HINT.search(original) or max(map(len, original.split()), default=0) >= _CODE_LENGTH
    for code in islice(_CODES.finditer(original), _MAX_CODES) if is_likely else ():
        messages = (decode(code[0]) for decode in (_from_binary, _from_hex, _from_base64))
        message = next((message for message in messages if _is_readable(message)), None)
        if message:
            yield Reading(fold(message), _always(code.span()), True)
    escapes = [escape.span() for escape in _ESCAPES.finditer(original)]
    if len(escapes) >= _MIN_ESCAPES:
        plain = _BACKSLASHED.sub(lambda code: chr(int(code[1] or code[2], 16)), html.unescape(unquote(original)))
        yield Reading(fold(plain), _always((escapes[0][0], escapes[-1][1])))


def _is_readable(message: str) -> bool:
    return _WORDS.search(message) is not None and _UNREADABLE.search(message) is None


def _always(place: tuple[int, int]) -> Callable[[int, int], tuple[int, int]]:
    return lambda _start, _end: place


def _from_binary(code: str) -> str:
    digits = re.sub(r"[ ,]", "", code)
    if set(digits) - {"0", "1"}:
        return ""
    return "".join(chr(int(digits[i : i + 8], 2)) for i in range(0, len(digits) - 7, 8))


def _from_hex(code: str) -> str:
    digits = re.sub(r"0x|\\x|[ ,:]", "", code)
    return bytes.fromhex(digits).decode("utf-8", "replace") if _HEX.fullmatch(digits) else ""


def _from_base64(code: str) -> str:
    code = code.rstrip("=").translate(_URL_SAFE)
    code = code[: len(code) - (len(code) % 4 == 1)]
    try:
        return base64.b64decode(code + "=" * (-len(code) % 4), validate=True).decode()
    except ValueError:  # not base64, or not UTF-8: an ordinary long word, a link, a number
        return ""
