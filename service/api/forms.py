"""A multipart form that carries one file: read as it comes, the file handed on in pieces, never whole in memory.

Starlette's own reader spools files to the system's temporary folder, which may be memory and is not the folder that
recordings are kept in.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.exceptions import HTTPException
from starlette.requests import Request

from service.api.screening_forms import check_origin
from service.errors import InputError

MULTIPART = "multipart/form-data"
MAX_PARTS = 40
MAX_HEADER_BYTES = 4_096


def is_form(content_type: str) -> bool:
    """Whether a body of this content type is a multipart form."""
    return read_kind(content_type) == MULTIPART


def read_kind(content_type: str) -> str:
    """`Audio/WebM; codecs=opus` -> `audio/webm`."""
    return content_type.partition(";")[0].strip().lower()


def refuse_other_sites(request: Request) -> None:
    """Raises AccessError for a form that a web page of another site sent: browsers let pages send forms anywhere.

    Where no key is needed, such a page could else use the service of whoever looks at it.
    """
    if not request.state.visitor.id:
        check_origin(request)


@dataclass(slots=True)
class _Part:
    name: str = ""
    media_type: str = ""
    is_file: bool = False
    header: bytearray = field(default_factory=bytearray)
    value: bytearray = field(default_factory=bytearray)
    headers: dict[str, str] = field(default_factory=dict)


class Form:
    """One form. `fields`, `has_file` and `media_type` (of the file's part) are complete when the file was read."""

    def __init__(self, content_type: str, file_name: str, max_field_bytes: int) -> None:
        """`file_name` is the part that holds the file; all other parts are text. Raises InputError."""
        self.fields: dict[str, str] = {}
        self.has_file = False
        self.media_type = ""
        self._file_name, self._max_field_bytes = file_name, max_field_bytes
        self._part = _Part()
        self._parts = self._field_bytes = 0
        self._pieces: list[bytes] = []
        boundary = parse_options_header(content_type)[1].get(b"boundary")
        if not boundary:
            raise _unreadable()
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._add_header_name,
                "on_header_value": self._add_header_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._read_headers,
                "on_part_data": self._add_data,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
        )
        self._is_over = False

    async def read_file(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The file's bytes, as they come. Reads the form to its end.

        Raises InputError for a broken form and for a part that is no text, HTTPException (413) for too long fields.
        """
        try:
            async for chunk in body:
                self._parser.write(chunk)
                pieces, self._pieces = self._pieces, []
                for piece in pieces:
                    yield piece
        except FormParserError:
            raise _unreadable() from None
        if not self._is_over:
            raise _unreadable()

    def _begin_part(self) -> None:
        self._part = _Part()
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise HTTPException(413)

    def _add_header_name(self, data: bytes, start: int, end: int) -> None:
        self._add_to_header(data[start:end])

    def _add_header_value(self, data: bytes, start: int, end: int) -> None:
        if b":" not in self._part.header:
            self._part.header += b":"
        self._add_to_header(data[start:end])

    def _add_to_header(self, piece: bytes) -> None:
        self._part.header += piece
        if len(self._part.header) > MAX_HEADER_BYTES:
            raise _unreadable()

    def _end_header(self) -> None:
        name, _, value = self._part.header.decode("latin-1").partition(":")
        self._part.headers[name.strip().lower()] = value.strip()
        self._part.header.clear()

    def _read_headers(self) -> None:
        part = self._part
        _, options = parse_options_header(part.headers.get("content-disposition", ""))
        part.name = options.get(b"name", b"").decode("utf-8", "replace")
        part.is_file = part.name == self._file_name
        if not part.name or part.name in self.fields or (part.is_file and self.has_file):
            raise InputError(
                "The form has a part without a name, or two with the same one. Name each part, each name once."
            )
        if part.is_file:
            self.has_file, self.media_type = True, part.headers.get("content-type", "")

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        piece = data[start:end]
        if self._part.is_file:
            self._pieces.append(piece)
            return
        self._field_bytes += len(piece)
        if self._field_bytes > self._max_field_bytes:
            raise HTTPException(413)
        self._part.value += piece

    def _end_part(self) -> None:
        if self._part.is_file:
            return
        try:
            self.fields[self._part.name] = self._part.value.decode()
        except UnicodeDecodeError:
            raise InputError(
                f"The form's part {self._part.name[:80]!r} is not UTF-8 text. Only the part {self._file_name!r} holds "
                "a file."
            ) from None

    def _end(self) -> None:
        self._is_over = True


def _unreadable() -> InputError:
    return InputError("The form cannot be read, or ends too early. Send it as multipart/form-data with its boundary.")
