"""An XLSX is a ZIP of XML parts: whether they unpack to what a machine can hold."""

from __future__ import annotations

import sys
import zlib
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from service.errors import ImportInvalid

MAX_UNPACKED_BYTES = 400_000_000  # 100,000 answers of 500 characters, rated by two, take 80 MB
MAX_PART_BYTES = 200_000_000  # as shared strings of one letter this takes calamine 0.7 GB; 1.7 GB took 5.5 GB and 45 s
MAX_RATIO = 200  # one answer of 2,500 characters 30,000 times over packs 164 to 1, real answers 3 to 1
MIN_RATIO_BYTES = 10_000_000  # smaller parts may be as dense as they like
_CHUNK_BYTES = 1 << 20


def check_package(file: Path) -> None:
    """Raises ImportInvalid for a workbook too large to open: all its parts, one of them, or one packed too densely.

    Every part is unpacked here to be measured, piece by piece: the sizes in a ZIP's table are the word of who made it,
    and calamine reads on past them. OSError as for any file.
    """
    try:
        with ZipFile(file) as package:
            left = MAX_UNPACKED_BYTES
            for part in _list_parts(package):
                left -= _measure_part(package, part, min(left, MAX_PART_BYTES), file)
    except (BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, zlib.error):
        # What zipfile and zlib throw at files of strangers: EOFError for a part that ends early, NotImplementedError
        # for a ZIP of several disks or a later version, RuntimeError for a password, ValueError for an impossible
        # place (a negative seek), zlib.error for packed bytes that are none.
        raise ImportInvalid(
            f"{file}: is damaged, locked by a password, or no XLSX. Open it and save it as XLSX or as CSV UTF-8."
        ) from None


def _list_parts(package: ZipFile) -> list[ZipInfo]:
    parts = package.infolist()
    if len({part.filename.lower() for part in parts}) < len(parts):
        raise BadZipFile  # of two parts with one name calamine may read the other
    if any(part.compress_type not in (ZIP_STORED, ZIP_DEFLATED) for part in parts):
        raise BadZipFile  # no spreadsheet program packs otherwise, and bzip2 unpacks without a bound
    return parts


def _measure_part(package: ZipFile, part: ZipInfo, most: int, file: Path) -> int:
    """The bytes it unpacks to, read until there are more than `most`."""
    packed = max(part.compress_size, 1)
    part.file_size = sys.maxsize  # else zipfile stops at the size that the table tells
    size = 0
    with package.open(part) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            size += len(chunk)
            if size > most or (size > MIN_RATIO_BYTES and size > MAX_RATIO * packed):
                raise ImportInvalid(
                    f"{file}: unpacks to more than is read from an XLSX ({MAX_UNPACKED_BYTES / 1e6:g} MB in all, "
                    f"{MAX_PART_BYTES / 1e6:g} MB in one part, {MAX_RATIO} times its size on the disk). Save the table "
                    "as CSV UTF-8 and import that."
                )
    return size
