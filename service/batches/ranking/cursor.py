"""Page cursors of a ranking: which snapshot, how far, of which query; as opaque text."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from service.errors import CursorInvalid

_CHECK_BYTES = 6  # against slips of the hand; a forged cursor is no danger, it only names a position


@dataclass(frozen=True, slots=True)
class RankingCursor:
    """The page starts at `offset` (from 0) of the people that match the query with this fingerprint."""

    snapshot: str
    offset: int
    query: str


def encode_cursor(cursor: RankingCursor) -> str:
    """Base64url without padding."""
    content = f"{cursor.offset}.{cursor.query}.{cursor.snapshot}".encode()
    return base64.urlsafe_b64encode(_compute_check(content) + content).rstrip(b"=").decode()


def decode_cursor(text: str, query: str) -> RankingCursor:
    """Raises CursorInvalid for what `encode_cursor` did not return, and for a cursor of another query."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        content = raw[_CHECK_BYTES:]
        offset, of_query, snapshot = content.decode().split(".")
        cursor = RankingCursor(snapshot, int(offset), of_query)
    except (binascii.Error, ValueError):
        raise _build_error() from None
    if encode_cursor(cursor) != text or cursor.offset < 0:
        raise _build_error()
    if of_query != query:
        raise CursorInvalid("The page cursor is of other filters or another order. Start again without a cursor.")
    return cursor


def _compute_check(content: bytes) -> bytes:
    return hashlib.blake2s(content, digest_size=_CHECK_BYTES).digest()


def _build_error() -> CursorInvalid:
    return CursorInvalid("The page cursor is not one of this service's. Start again without a cursor.")
