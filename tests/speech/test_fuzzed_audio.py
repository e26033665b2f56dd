"""Damaged files, thousands of them: each becomes a recording or a clear refusal, in time, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from pathlib import Path

import pytest

from service.errors import AudioInvalid
from service.speech.decoding import AudioLimits, open_recording
from tests.speech.sounds import SENTENCE, Samples, read_sound, write_sound

LIMITS = AudioLimits(max_bytes=1_000_000, max_seconds=60)
LONGEST_SECONDS = 10.0
AT_ONCE = 2


def make_seeds(folder: Path) -> list[bytes]:
    """A healthy file of each container."""
    sound: Samples = read_sound(SENTENCE)[: 16_000 * 2]
    files = [
        write_sound(folder / "a.webm", sound, "libopus"),
        write_sound(folder / "a.m4a", sound, "aac"),
        write_sound(folder / "a.mp3", sound, "libmp3lame"),
        write_sound(folder / "a.ogg", sound, "libopus"),
        write_sound(folder / "a.flac", sound, "flac", rate=16_000),
        write_sound(folder / "a.wav", sound, "pcm_s16le", rate=8_000),
        write_sound(folder / "a.mp4", sound, "aac", video=True),
    ]
    return [file.read_bytes() for file in files]


def mutate(content: bytes, draw: random.Random) -> bytes:
    """One of what happens to files: bits turned, bytes lost, doubled, overwritten, cut; the header hit most."""
    mutated = bytearray(content)
    for _ in range(draw.choice([1, 1, 2, 5, 40])):
        reach = draw.choice([64, 512, len(mutated)])
        place = draw.randrange(min(reach, len(mutated)) or 1)
        length = draw.choice([1, 4, 64, 1_000])
        kind = draw.randrange(6)
        if kind == 0 and mutated:
            mutated[place] ^= 1 << draw.randrange(8)
        elif kind == 1:
            mutated[place : place + 4] = draw.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4)])
        elif kind == 2:
            mutated[place : place + length] = draw.randbytes(length)
        elif kind == 3:
            del mutated[place : place + length]
        elif kind == 4:
            mutated[place:place] = mutated[place : place + length]
        else:
            del mutated[draw.randrange(len(mutated) or 1) :]
    return bytes(mutated)


async def survive(count: int, folder: Path) -> Counter[str]:
    """How many of so many damaged files were decoded and refused; fails at the first that does anything else."""
    seeds, draw, ends, room = make_seeds(folder), random.Random(20261122), Counter[str](), asyncio.Semaphore(AT_ONCE)
    decoded = folder / "decoded"
    decoded.mkdir()

    async def try_one(number: int, content: bytes) -> None:
        source = folder / f"{number}.bin"
        source.write_bytes(content)
        async with room:
            started = time.monotonic()
            try:
                async with open_recording(source, decoded, LIMITS):
                    ends["decoded"] += 1
            except AudioInvalid as refusal:
                ends["broke down" if "broke down" in str(refusal) else "refused"] += 1
            assert time.monotonic() - started < LONGEST_SECONDS, number
        source.unlink()

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(try_one(number, mutate(seeds[number % len(seeds)], draw)))
    assert list(decoded.iterdir()) == []
    return ends


async def test_damaged_files_are_decoded_or_refused(tmp_path: Path) -> None:
    ends = await survive(7, tmp_path)
    assert ends["decoded"] > 0
    assert ends["refused"] > 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_two_thousand_damaged_files(tmp_path: Path) -> None:
    ends = await survive(2_100, tmp_path)
    print(dict(ends))
    assert ends.total() == 2_100
    assert ends["decoded"] > 200
    assert ends["refused"] > 200
