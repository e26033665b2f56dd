"""Page cursors: the position of the last grade seen, as opaque text."""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from dataclasses import dataclass
from datetime import datetime

from service.errors import CursorInvalid
from service.store.tables import EPOCH, MICROSECOND, count_microseconds

_CHECK_BYTES = 6  # against slips of the hand; a forged cursor is no danger, it only names a position


@dataclass(frozen=True, slots=True)
class Cursor:
    """The page starts after the grade with this time and id."""

    created_at: datetime
    id: str


def encode_cursor(cursor: Cursor) -> str:
    """Base64url without padding: check bytes, microseconds since 1970, id."""
    content = struct.pack(">q", count_microseconds(cursor.created_at)) + cursor.id.encode()
    return base64.urlsafe_b64encode(_compute_check(content) + content).rstrip(b"=").decode()


def decode_cursor(text: str) -> Cursor:
    """Raises CursorInvalid for anything that `encode_cursor` did not return."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        check, content = raw[:_CHECK_BYTES], raw[_CHECK_BYTES:]
        (microseconds,) = struct.unpack_from(">q", content)
        cursor = Cursor(EPOCH + microseconds * MICROSECOND, content[8:].decode())
    except (binascii.Error, ValueError, struct.error, OverflowError):
        raise _build_error() from None
    if check != _compute_check(content) or encode_cursor(cursor) != text:  # base64 has several spellings
        raise _build_error()
    return cursor


def _compute_check(content: bytes) -> bytes:
    return hashlib.blake2s(content, digest_size=_CHECK_BYTES).digest()


def _build_error() -> CursorInvalid:
    return CursorInvalid("The page cursor is not one of this service's. Start again without a cursor.")
