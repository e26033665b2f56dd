"""Evidence marked in an answer: the right characters, whatever they are and however the spans lie."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.domain.invisible import find_invisible
from service.evaluation.report.highlight import Segment, clean_text, cut_segments, show_invisible
from service.evaluation.results.shown import Span


def span(start: int, end: int, criterion: str = "a") -> Span:
    return Span(start=start, end=end, criterion=criterion)


def test_overlapping_spans_of_both_sides() -> None:
    assert cut_segments("abcdef", [[span(0, 4)], [span(2, 6, "b")]]) == (
        Segment("ab", (0,), ()),
        Segment("cd", (0, 1), ((0, "a"),)),
        Segment("ef", (1,), ((1, "b"),)),
    )


def test_spans_count_code_points_and_not_utf16_units() -> None:
    text = "𝒜😔 ü quiet"
    segments = cut_segments(text, [[span(3, 4), span(5, 10)]])
    assert [segment.text for segment in segments if segment.sides] == ["ü", "quiet"]


def test_nested_and_equal_spans_are_each_named_where_they_end() -> None:
    segments = cut_segments("abcd", [[span(0, 4, "a"), span(1, 3, "b"), span(0, 4, "c")]])
    assert [(segment.text, segment.ends) for segment in segments] == [
        ("a", ()),
        ("bc", ((0, "b"),)),
        ("d", ((0, "a"), (0, "c"))),
    ]


def test_spans_outside_the_text_do_no_harm() -> None:
    assert cut_segments("abc", [[span(-3, 1), span(2, 99), span(1, 1), span(50, 60)]]) == (
        Segment("a", (0,), ((0, "a"),)),
        Segment("b", (), ()),
        Segment("c", (0,), ((0, "a"),)),
    )
    assert cut_segments("", [[span(0, 3)]]) == ()


def test_what_nobody_sees_is_named() -> None:
    assert show_invisible("a\u202eb") == "a⟨U+202E⟩b"
    assert show_invisible("a" + "\u200b" * 9 + "b\x08") == "a⟨9 invisible characters⟩b⟨U+0008⟩"
    assert clean_text("a\u202eb\x00c\n\td") == "abc\n\td"
    assert show_invisible("👩‍👩‍👧 fine") == "👩‍👩‍👧 fine"


texts = st.text(st.sampled_from("ab \n😔ü\u202e\u200b\x07"), max_size=30)
spans = st.lists(st.builds(span, st.integers(-2, 32), st.integers(-2, 32), st.sampled_from("xyz")), max_size=6)


@given(texts, spans, spans)
def test_the_pieces_are_the_text_and_cover_exactly_the_spans(text: str, first: list[Span], second: list[Span]) -> None:
    place = 0
    sides = [{i for one in side for i in range(max(0, one.start), min(len(text), one.end))} for side in (first, second)]
    hidden = {i for start, end in find_invisible(text) for i in range(start, end)} | {
        i for i, character in enumerate(text) if character == "\x07"
    }
    for segment in cut_segments(text, [first, second]):
        if segment.hidden:
            while place in hidden and not (segment.text and _ends(text, place, hidden, first + second)):
                place += 1
            place += 1
            continue
        assert text[place : place + len(segment.text)] == segment.text
        for i in range(place, place + len(segment.text)):
            assert segment.sides == tuple(side for side in (0, 1) if i in sides[side])
            assert i not in hidden
        place += len(segment.text)
    assert place == len(text)


def _ends(text: str, place: int, hidden: set[int], found: list[Span]) -> bool:
    """Whether a hidden piece ends after this place: at a visible character, at an edge of a span, or of its own run."""
    edges = {edge for one in found if one.start < one.end for edge in (max(0, one.start), min(len(text), one.end))}
    edges |= {edge for run in find_invisible(text) for edge in run}
    edges |= {i for i, character in enumerate(text) if character == "\x07" and text[max(0, i - 1)] != "\x07"}
    edges |= {i + 1 for i, character in enumerate(text) if character == "\x07" and text[i + 1 : i + 2] != "\x07"}
    return place + 1 in edges or place + 1 not in hidden
