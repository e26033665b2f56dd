"""A quote counts when its words stand in the answer; what is kept is the candidate's own text."""

from __future__ import annotations

import time
import unicodedata

import pytest

from service.domain.evidence import Evidence, QuoteFinder, count_words

ANSWER = "I let her finish. Then I said: “I’m sorry, that isn't good enough” and rang her the next day."
UPSET = "I told her that I understood why she was upset and then I looked up the order."


def locate(answer: str, quote: str) -> Evidence | None:
    found = QuoteFinder(answer).locate(quote)
    if found is not None:
        assert answer[found.start : found.end] == found.quote
    return found


@pytest.mark.parametrize(
    ("quote", "kept"),
    [
        ("I let her finish", "I let her finish"),
        ("I let her finish.", "I let her finish."),
        ("  I let her finish.\n", "I let her finish."),
        ("i LET her finish", "I let her finish"),
        ("i let her finish.", "I let her finish."),
        ("i let her finish!", "I let her finish"),
        ("I'm sorry, that isn't good enough", "I’m sorry, that isn't good enough"),
        ("I’m sorry, that isn’t good enough", "I’m sorry, that isn't good enough"),
        ("Imʼ sorry that", None),
        ("\"I'm sorry that isn't good enough\"", "I’m sorry, that isn't good enough"),
        ("rang her  the\n\tnext day", "rang her the next day"),
        ("let her finish. Then I said", "let her finish. Then I said"),
        ("rang her the next day...", "rang her the next day."),
        ("**rang her** the next day", "rang her the next day"),
    ],
)
def test_the_candidates_own_text_is_kept(quote: str, kept: str | None) -> None:
    found = locate(ANSWER, quote)
    assert (found and found.quote) == kept


@pytest.mark.parametrize(
    ("answer", "quote"),
    [
        ("I let her\nfinish her\r\n\r\nstory then", "let her finish her story"),
        ("I let her\u00a0finish\u2003her story", "let her finish her story"),
        ("I let her fin\u00adish her story", "let her finish her story"),
        ("I let her f\u200bi\u200cn\u200dish her story", "let her finish her story"),
        ("I let \u202eher finish\u202c her story", "let her finish her story"),
        ("\ufeffI let her finish her story", "I let her finish her story"),
        ("I let her finish her story", "let her fin\u200bish her story"),
        ("I LET HER FINISH HER STRASSE", "let her finish her straße"),
        ("I let her ﬁnish her story", "let her finish her story"),
        ("I ﹙let﹚ her finish, her — story!", "let her finish her story"),
    ],
)
def test_what_nobody_sees_or_says_does_not_hide_a_quote(answer: str, quote: str) -> None:
    assert locate(answer, quote) is not None


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("other", ["NFC", "NFD"])
def test_accents_are_found_however_they_are_encoded(form: str, other: str) -> None:
    text = "It was a naïve café visit, très öffentlich, and Zoë paid."
    answer = unicodedata.normalize(form, text)  # type: ignore[arg-type]
    found = locate(answer, unicodedata.normalize(other, "a naïve café visit, très öffentlich, and Zoë"))  # type: ignore[arg-type]
    assert found is not None
    assert unicodedata.normalize("NFC", found.quote) == "a naïve café visit, très öffentlich, and Zoë"


def test_an_accent_of_its_own_belongs_to_the_word_before_it() -> None:
    assert count_words(unicodedata.normalize("NFD", "naïve café")) == 2
    assert locate(unicodedata.normalize("NFD", "we met at the café there"), "met at the cafe") is None


@pytest.mark.parametrize("before", ["😀", "👩‍👩‍👧‍👦 ", "🏳️‍🌈🇩🇪 ", "𝒳 ", "e\u0301 ", "\U0001f468\U0001f3fd "])
def test_offsets_count_code_points_whatever_comes_before(before: str) -> None:
    found = locate(f"{before}{UPSET}", "why she was upset")
    assert found is not None
    assert found.start == len(before) + UPSET.index("why")


@pytest.mark.parametrize(
    ("answer", "quote"),
    [
        ("I recieved the parcel", "I received the parcel"),
        ("I appologised to the women at once", "I apologised to the women at once"),
        ("we sended a new one definately on the same day", "we sended a new one definitely on the same day"),
        ("He couldnt see the order status", "He couldn't see the order status"),
    ],
)
def test_one_misspelt_word_is_forgiven(answer: str, quote: str) -> None:
    found = locate(answer, quote)
    assert found is not None
    assert found.quote == answer


@pytest.mark.parametrize(
    ("answer", "quote"),
    [
        ("I would never apologise to a customer", "I would apologise to a customer"),
        ("I would apologise to a customer", "I would never apologise to a customer"),
        ("I did not interrupt the lady", "I did interrupt the lady"),
        ("I can't help you with that", "I can help you with that"),
        ("I can help you with that", "I can't help you with that"),
        ("They tell me that I can't do it", "tell me that I can"),
        ("They tell me that I can’t do it", "tell me that I can"),
        ("I wouldn't apologise for that", "I would apologise for that"),
        ("I wouldnt apologise for that", "I would apologise for that"),
        ("It doesnt matter to me", "It does matter to me"),
        ("I shouldnt shout at them", "I should shout at them"),
        ("She was unhappy with it all", "She was happy with it all"),
        ("It took 15 minutes to solve", "It took 50 minutes to solve"),
        ("It took 1500 minutes to solve", "It took 1501 minutes to solve"),
        ("I was up\u00adset about the bill", "I was up"),
        ("I listened carefully to them", "I listened care"),
        ("breathe article the artist said", "the art is"),
        ("I let her finish. Then I apologised", "I let her finish ... apologised"),
        ("I let her finish. Then I apologised", "I let her finish […] I apologised"),
        ("I let her finish. Then I apologised", "I let her end. Then I apologised"),
        ("I let her finish her story", "her finish let I"),
        ("I let him talk it out", "I let her talk it out"),
    ],
)
def test_a_quote_that_says_something_else_is_refused(answer: str, quote: str) -> None:
    assert locate(answer, quote) is None


@pytest.mark.parametrize(
    "quote", ["", " ", "…", "😀 😀 😀", "I would", "I", "I let", "\u200b\u200b\u200b", "!!! ??? ..."]
)
def test_a_quote_of_fewer_than_three_words_proves_nothing(quote: str) -> None:
    assert locate(f"I would. I let her. {quote} And so on", quote) is None


@pytest.mark.parametrize("answer", ["Sorry!", "I listen.", "Apologise"])
def test_a_whole_short_answer_may_be_quoted(answer: str) -> None:
    assert locate(answer, answer.lower()) is not None


def test_two_misspellings_in_a_short_quote_are_too_many() -> None:
    assert locate("I recieved the parsel yesterday", "I received the parcel yesterday") is None


def test_a_quote_longer_than_the_answer_is_refused() -> None:
    assert locate("I let her finish", "I let her finish her story") is None


def test_a_repeated_sentence_is_found_at_its_first_place() -> None:
    found = locate("I said sorry. I said sorry. I said sorry.", "i said sorry")
    assert found == Evidence(quote="I said sorry", start=0, end=12)


def test_forty_quotes_of_a_long_answer_take_less_than_a_tenth_of_a_second() -> None:
    words = " ".join(f"word{number:04d} and then thing" for number in range(1000))[:20_000]
    parts = words.split()
    quotes = [" ".join(parts[i * 40 : i * 40 + 25]) for i in range(20)]
    quotes += [quote.replace("thing", "thnig", 1) for quote in quotes]
    finder = QuoteFinder(words)
    begun = time.process_time()
    found = [finder.locate(quote) for quote in quotes]
    assert time.process_time() - begun < 0.4  # 16 ms here
    assert None not in found[:20]


@pytest.mark.parametrize(
    ("answer", "quote"),
    [
        ("a " * 10_000, "a " * 1_999 + "b"),
        ("abcd " * 4_000, "abcd " * 799 + "abce"),
        ("abcd " * 3_990 + "b b b", "abcd " * 70 + "b abcd"),
        ("é " * 10_000, "é " * 1_999 + "b"),
        ("a" * 20_000, "a" * 4_000),
        ("a'" * 10_000, "a'" * 2_000),
        ("e" + "\u0301" * 19_999, "e\u0301 e\u0301 e\u0301"),
    ],
    ids=["short-words", "long-words", "late-difference", "accents", "one-word", "contraction", "marks"],
)
def test_a_quote_made_to_be_slow_is_not(answer: str, quote: str) -> None:
    begun = time.process_time()
    finder = QuoteFinder(answer)
    for _ in range(5):
        finder.locate(quote)
    assert time.process_time() - begun < 2  # 0.1 s here; made to be slow it took 4 s


@pytest.mark.parametrize(
    ("text", "words"),
    [("", 0), ("  \n", 0), ("😀!", 0), ("I don't know", 3), ("I don’t know", 3), ("well-known", 2), ("a\u200bb", 1)],
)
def test_words_are_counted(text: str, words: int) -> None:
    assert count_words(text) == words


@pytest.mark.parametrize(
    ("answer", "quote"),
    [
        ("I would not apologise to the customer.", "apologise to the customer"),
        ("I never shout at customers at all.", "shout at customers"),
        ("I don't ever hang up on people.", "hang up on people"),
        ("I left without saying a word to her.", "saying a word to her"),
        ("I think I can`t help with that.", "I think I can"),
        ("I think I can´t help with that.", "I think I can"),
        ("I was never late with an answer to her.", "I was newer late with an answer to her"),
    ],
)
def test_a_quote_that_leaves_out_the_word_that_denies_it_is_refused(answer: str, quote: str) -> None:
    assert locate(answer, quote) is None


@pytest.mark.parametrize(
    ("answer", "quote"),
    [
        ("I did not argue and I let him finish.", "I let him finish"),
        ("I do not argue, let alone shout; apologise first is my rule.", "apologise first is my rule"),
        ("I would never apologise to her. Later I did apologise to her.", "did apologise to her"),
        ("I never shout at customers at all.", "I never shout at customers"),
    ],
)
def test_a_clause_of_its_own_may_follow_a_denial(answer: str, quote: str) -> None:
    found = locate(answer, quote)
    assert found is not None
    assert found.quote == quote
