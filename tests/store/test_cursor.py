from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import CursorInvalid
from service.store.cursor import Cursor, _compute_check, decode_cursor, encode_cursor

CURSOR = Cursor(datetime(2026, 11, 22, 9, 30, 0, 123456, tzinfo=UTC), "grade-é")


@given(moment=st.datetimes(timezones=st.just(UTC)), grade_id=st.text(st.characters(exclude_categories=["Cs"])))
def test_cursor_round_trips(moment: datetime, grade_id: str) -> None:
    assert decode_cursor(encode_cursor(Cursor(moment, grade_id))) == Cursor(moment, grade_id)


def test_time_zone_does_not_matter() -> None:
    elsewhere = CURSOR.created_at.astimezone(timezone(timedelta(hours=5)))
    assert encode_cursor(Cursor(elsewhere, CURSOR.id)) == encode_cursor(CURSOR)


def test_time_without_zone_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="time zone"):
        encode_cursor(Cursor(datetime(2026, 1, 1), "a"))  # noqa: DTZ001 - that is the case


def test_every_changed_character_is_noticed() -> None:
    text = encode_cursor(CURSOR)
    for position in range(len(text)):
        changed = text[:position] + ("A" if text[position] != "A" else "B") + text[position + 1 :]
        with pytest.raises(CursorInvalid):
            decode_cursor(changed)


def _forge(content: bytes) -> str:
    return base64.urlsafe_b64encode(_compute_check(content) + content).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "é",
        "\ud800",
        "not a cursor",
        encode_cursor(CURSOR) + "=",
        encode_cursor(CURSOR) + "\n",
        _forge(b"short"),
        _forge(b"\x7f" + b"\xff" * 7 + b"id"),  # a time after the year 9999
        _forge(b"\0" * 8 + b"\xff"),  # an id that is not UTF-8
    ],
)
def test_what_was_not_issued_is_refused(text: str) -> None:
    with pytest.raises(CursorInvalid):
        decode_cursor(text)
