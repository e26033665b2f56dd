from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from starlette.exceptions import HTTPException

from service.api.forms import MAX_PARTS, Form
from service.errors import InputError

CONTENT_TYPE = "multipart/form-data; boundary=frontier"
SOUND = bytes(range(256)) * 3 + b"\r\n--frontie"  # nearly the boundary


def write_part(name: str, content: bytes, more: str = "") -> bytes:
    head = f'--frontier\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return head.encode() + content + b"\r\n"


SOUND_PART = write_part("audio", SOUND, '; filename="a.webm"\r\ncontent-type: audio/webm;codecs=opus')
WHOLE = write_part("rubric", b"r") + SOUND_PART + write_part("question", "Où ?".encode()) + b"--frontier--\r\n"


async def cut(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def read(body: bytes, size: int = 7, max_field_bytes: int = 100) -> tuple[Form, bytes]:
    form = Form(CONTENT_TYPE, "audio", max_field_bytes)
    return form, b"".join([piece async for piece in form.read_file(cut(body, size))])


@pytest.mark.parametrize("size", [1, 2, 3, 64, 100_000])
async def test_a_form_is_the_same_however_it_comes(size: int) -> None:
    form, sound = await read(WHOLE, size)
    assert sound == SOUND
    assert form.fields == {"rubric": "r", "question": "Où ?"}
    assert (form.has_file, form.media_type) == (True, "audio/webm;codecs=opus")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        WHOLE[:-12],
        WHOLE[:100],
        WHOLE.replace(b"rubric", b"question"),
        WHOLE.replace(b"question", b"audio"),
        WHOLE.replace(b' name="rubric"', b""),
        write_part("question", b"\xff") + b"--frontier--\r\n",
        b"--frontier\r\nno header\r\n\r\n",
        b"--frontier\r\nX: " + b"a" * 9_000 + b"\r\n",
    ],
)
async def test_a_broken_form_is_refused(body: bytes) -> None:
    with pytest.raises(InputError):
        await read(body)


@pytest.mark.parametrize(
    "body",
    [
        write_part("question", bytes(101)),
        write_part("a", bytes(60)) + write_part("b", bytes(60)),
        b"".join(write_part(str(number), b"1") for number in range(MAX_PARTS + 1)),
    ],
)
async def test_what_is_beside_the_file_is_limited(body: bytes) -> None:
    with pytest.raises(HTTPException) as refused:
        await read(body, size=1_000)
    assert refused.value.status_code == 413


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary="])
def test_a_form_without_a_boundary(content_type: str) -> None:
    with pytest.raises(InputError):
        Form(content_type, "audio", 100)
