"""Whatever is quoted from whatever answer: offsets hold and nothing is made up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.domain.evidence import MIN_QUOTE_WORDS, QuoteFinder, count_words

WORDS = st.sampled_from(
    [
        "never",
        "I",
        "would",
        "apologise",
        "can't",
        "can",
        "naïve",
        "nai\u0308ve",
        "up\u00adset",
        "😀",
        "x",
        "recieved",
        "12",
        "it’s",
    ]
)
PROSE = st.lists(st.tuples(WORDS, st.sampled_from([" ", "  ", "\n", ", ", ". ", "… ", " \u200b"])), max_size=40).map(
    lambda parts: "".join(word + gap for word, gap in parts)
)
TEXTS = st.one_of(PROSE, st.text(max_size=200))


@given(answer=TEXTS, quote=TEXTS)
def test_offsets_always_point_at_the_quote(answer: str, quote: str) -> None:
    found = QuoteFinder(answer).locate(quote)
    if found is not None:
        assert 0 <= found.start < found.end <= len(answer)
        assert answer[found.start : found.end] == found.quote


@given(answer=TEXTS, quote=TEXTS)
def test_what_is_found_has_as_many_words_as_what_was_quoted(answer: str, quote: str) -> None:
    found = QuoteFinder(answer).locate(quote)
    if found is not None:
        assert count_words(found.quote) == count_words(quote)
        assert count_words(found.quote) >= min(MIN_QUOTE_WORDS, count_words(answer))


@given(answer=TEXTS, data=st.data())
def test_what_was_found_is_found_again(answer: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(answer)))
    end = data.draw(st.integers(start, len(answer)))
    found = QuoteFinder(answer).locate(answer[start:end])
    if found is not None:
        again = QuoteFinder(answer).locate(found.quote)
        assert again is not None
        assert again.quote == found.quote


@given(
    words=st.lists(st.sampled_from(["I", "would", "always", "listen", "first", "calmly"]), min_size=4, max_size=12),
    data=st.data(),
)
def test_a_dropped_or_added_negation_is_never_forgiven(words: list[str], data: st.DataObject) -> None:
    place = data.draw(st.integers(1, len(words) - 1))
    negation = data.draw(st.sampled_from(["never", "not", "don't", "cannot", "wouldnt"]))
    negated = [*words[:place], negation, *words[place:]]
    plain, against = " ".join(words), " ".join(negated)
    assert QuoteFinder(plain).locate(against) is None
    assert QuoteFinder(against).locate(plain) is None


@given(answer=PROSE, data=st.data())
def test_every_run_of_three_words_is_found_in_any_case(answer: str, data: st.DataObject) -> None:
    words = answer.split()
    if len(words) >= 3:
        first = data.draw(st.integers(0, len(words) - 3))
        quote = " ".join(words[first : first + 3])
        if count_words(quote) >= MIN_QUOTE_WORDS:
            assert QuoteFinder(answer).locate(quote.upper()) is not None
