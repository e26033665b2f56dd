"""How well and how fast speech becomes text here, and what that does to grades.

    python -m benchmarks.speech [--clips FOLDER] [--answers 36] [--noise]

FOLDER holds clips and a manifest.jsonl with `file` and `transcript`, as ../shared/data/speech has. The answers are
those of evals/handling-difficult-customers, read out by espeak-ng's voices; without espeak-ng they are left out.
Prints word error rates (case, punctuation and fillers aside), how well doubtful words are found, seconds, and how far
the embedded grader's levels on what was heard are from those on what was written. `--noise` adds white noise and other
languages, which is what the thresholds of domain/transcript.py were set on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
import wave
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rapidfuzz.distance import Levenshtein

from service.assets.folders import find_folder
from service.config import load_settings
from service.domain.delivery import FILLERS
from service.domain.grade import Scored, Unscored
from service.domain.transcript import DOUBTFUL_BELOW, Transcript, find_doubt, measure_confidence
from service.speech.decoding import AudioLimits, open_recording
from service.speech.whisper import WhisperTranscriber
from service.wiring import Submission, grade_unstored

RUBRIC = "handling-difficult-customers"
VOICES = ("en-us", "en-gb-x-rp", "en-us+m3", "en-gb")  # of nine those whose words are understood best
LIMITS = AudioLimits(max_bytes=100_000_000, max_seconds=900)
OTHERS = {
    "de": "Zuerst lasse ich die Kundin ausreden und höre ihr zu. Dann fasse ich zusammen, was ich verstanden habe, und "
    "wir suchen gemeinsam nach einer Lösung, die ihr wirklich hilft.",
    "fr-fr": "D'abord je laisse la cliente parler et je l'écoute. Ensuite je résume ce que j'ai compris, et nous "
    "cherchons ensemble une solution qui l'aide vraiment.",
    "es": "Primero dejo que la clienta hable y la escucho. Luego resumo lo que he entendido, y buscamos juntos una "
    "solución que de verdad le ayude.",
}


@dataclass(frozen=True, slots=True)
class Heard:
    """One recording: what was said (None in another language), what was heard, and the seconds it took."""

    name: str
    said: str | None
    transcript: Transcript
    decode_seconds: float
    seconds: float

    @property
    def error_rate(self) -> float:
        words = split_words(self.said or "")
        return Levenshtein.distance(split_words(self.transcript.text), words) / max(1, len(words))


def split_words(text: str) -> list[str]:
    return [word for word in re.findall(r"[^\W_]+(?:'[a-z]+)?", text.lower().replace("’", "'")) if word not in FILLERS]


class Ear:
    """Hears files, timing each."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._transcriber = folder, WhisperTranscriber()

    async def hear(self, name: str, path: Path, said: str | None) -> Heard:
        started = time.monotonic()
        async with open_recording(path, self._folder, LIMITS) as recording:
            decoded = time.monotonic()
            transcript = await self._transcriber.transcribe(recording, "en")
        return Heard(name, said, transcript, decoded - started, time.monotonic() - started)

    async def close(self) -> None:
        await self._transcriber.aclose()


def speak(text: str, voice: str, target: Path) -> Path:
    command = ["espeak-ng", "-v", voice, "-s", "150", "--stdin", "-w", str(target)]  # one answer begins with a dash
    subprocess.run(command, input=text.encode(), check=True)
    return target


def add_noise(source: Path, decibels: float, target: Path) -> Path:
    """The WAV with white noise so many decibels below the speech."""
    with wave.open(str(source), "rb") as file:
        parameters = file.getparams()
        sound = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.float64)
    noise = np.random.default_rng(1).standard_normal(len(sound)) * np.sqrt(np.mean(sound**2) / 10 ** (decibels / 10))
    with wave.open(str(target), "wb") as file:
        file.setparams(parameters)
        file.writeframes(np.clip(sound + noise, -32768, 32767).astype("<i2").tobytes())
    return target


def choose_answers(count: int) -> list[dict[str, str]]:
    """So many answers from all over the set, typed ones and transcribed ones, of about half a minute."""
    lines = (find_folder("evals") / RUBRIC / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    cases = [json.loads(line) for line in lines]
    fitting = [case for case in cases if 250 <= len(case["answer"]) <= 750]
    return fitting[:: max(1, len(fitting) // count)][:count]


def report_errors(title: str, heard: list[Heard]) -> None:
    words = sum(len(split_words(one.said or "")) for one in heard)
    wrong = sum(one.error_rate * len(split_words(one.said or "")) for one in heard)
    audio = sum(one.transcript.duration_seconds for one in heard)
    spent = sum(one.seconds for one in heard)
    rates = sorted(one.error_rate for one in heard)
    print(
        f"{title}: {len(heard)} recordings, {words} words, word error rate {wrong / words:.1%} (median of recordings "
        f"{statistics.median(rates):.1%}, worst {rates[-1]:.1%}); {audio:.0f} s of sound in {spent:.1f} s, "
        f"{60 * spent / audio:.1f} s a minute"
    )
    doubted = [one for one in heard if find_doubt(one.transcript, "en")]
    print(f"  unreliable: {len(doubted)}")


def report_doubt(title: str, heard: list[Heard]) -> None:
    """Of the words in doubt, how many were misheard; of those misheard, how many are in doubt."""
    marks: list[tuple[float, bool]] = []
    for one in heard:
        rows = [(part, word.confidence or 0) for word in one.transcript.words for part in split_words(word.text)]
        right: set[int] = set()
        for step in Levenshtein.opcodes([part for part, _ in rows], split_words(one.said or "")):
            if step.tag == "equal":
                right.update(range(step.src_start, step.src_end))
        marks += [(confidence, place not in right) for place, (_, confidence) in enumerate(rows)]
    wrong = sum(is_wrong for _, is_wrong in marks)
    for threshold in (0.4, 0.5, DOUBTFUL_BELOW, 0.7):
        below = [is_wrong for confidence, is_wrong in marks if confidence < threshold]
        print(
            f"  {title}, words below {threshold}: {len(below) / len(marks):.1%}; misheard of these "
            f"{sum(below) / max(1, len(below)):.0%}, found of all misheard {sum(below) / max(1, wrong):.0%}"
        )


async def report_grades(title: str, cases: list[dict[str, str]], texts: list[str]) -> None:
    """Levels on the answers as written against levels on the other texts of them, criterion by criterion."""
    settings = load_settings(model="embedded")
    gaps: list[float] = []
    overall: list[float] = []
    appeared = unscored = 0
    for case, other in zip(cases, texts, strict=True):
        grades = [
            await grade_unstored(Submission(RUBRIC, case["question"], text), settings)
            for text in (case["answer"], other)
        ]
        levels = [{criterion.id: criterion.level for criterion in grade.criteria} for grade in grades]
        if isinstance(grades[0], Scored) and isinstance(grades[1], Scored):
            overall.append(abs(grades[0].overall.score - grades[1].overall.score))
        unscored += sum(isinstance(grade, Unscored) for grade in grades) == 1
        for criterion in {*levels[0], *levels[1]}:
            before, after = levels[0].get(criterion), levels[1].get(criterion)
            if before is not None and after is not None:
                gaps.append(abs(before - after))
            appeared += (before is None) != (after is None)
    print(
        f"grades of {len(cases)} answers, {title}: mean absolute difference "
        f"{statistics.mean(gaps):.3f} of a level over {len(gaps)} criteria "
        f"({sum(gap == 0 for gap in gaps)} the same, largest {max(gaps):.1f}); "
        f"overall {statistics.mean(overall):.3f}; observed in one only: {appeared}; scored in one only: {unscored}"
    )


async def report_all_grades(cases: list[dict[str, str]], heard: list[Heard]) -> None:
    """All of them; the better half; and apart from mishearing, what the marks do that nobody speaks."""
    texts = [one.transcript.text for one in heard]
    await report_grades("as written and as heard", cases, texts)
    clearest = sorted(zip(cases, heard, strict=True), key=lambda pair: pair[1].error_rate)[: len(cases) // 2]
    await report_grades(
        f"as written and as heard, the half with at most {clearest[-1][1].error_rate:.0%} wrong",
        [case for case, _ in clearest],
        [one.transcript.text for _, one in clearest],
    )
    plain = [{**case, "answer": _drop_marks(case["answer"])} for case in cases]
    await report_grades("as a perfect transcriber writes (no quotation marks, dashes) and as heard", plain, texts)
    await report_grades("as written and as a perfect transcriber writes", cases, [case["answer"] for case in plain])


def _drop_marks(text: str) -> str:
    return re.sub(r"[^\w\s.,?!'’-]|(?<!\w)-|-(?!\w)", "", text)


async def report_noise(ear: Ear, cases: list[dict[str, str]], folder: Path) -> None:
    """Each with its error rate, mean confidence and verdict: where the thresholds of domain/transcript.py come from."""
    async for heard in _hear_noise(ear, cases, folder):
        rate = f"{heard.error_rate:.0%}" if heard.said else "-"
        doubt = find_doubt(heard.transcript, "en")
        confidence = measure_confidence(heard.transcript)
        print(f"  {heard.name:24} wrong {rate:>5}  mean confidence {confidence:.2f}  {doubt or 'reliable'}")


async def _hear_noise(ear: Ear, cases: list[dict[str, str]], folder: Path) -> AsyncIterator[Heard]:
    for case, voice in zip(cases[:4], VOICES, strict=False):
        clean = speak(case["answer"], voice, folder / "clean.wav")
        for decibels in (20, 10, 5, 0, -5):
            noisy = add_noise(clean, decibels, folder / "noisy.wav")
            yield await ear.hear(f"{voice}, noise {decibels} dB", noisy, case["answer"])
    for voice, text in OTHERS.items():
        yield await ear.hear(f"in {voice}", speak(text, voice, folder / "other.wav"), None)


def read_clips(folder: Path) -> Iterator[tuple[Path, str]]:
    for line in (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines():
        clip = json.loads(line)
        yield folder / clip["file"], clip["transcript"]


async def main(options: argparse.Namespace, folder: Path) -> None:
    ear = Ear(folder)
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    if options.clips:
        clips = list(read_clips(options.clips))
        await ear.hear("warm-up", *clips[0])
        heard = [await ear.hear(path.name, path, said) for path, said in clips]
        report_errors("clips", heard)
        report_doubt("clips", heard)
    if shutil.which("espeak-ng") is None:
        print("espeak-ng is not installed: no synthesised answers")
    else:
        cases = choose_answers(options.answers)
        heard = []
        for place, case in enumerate(cases):
            voice = VOICES[place % len(VOICES)]
            spoken = speak(case["answer"], voice, folder / "answer.wav")
            heard.append(await ear.hear(f"{case['id']} {voice}", spoken, case["answer"]))
        report_errors("espeak-ng", heard)
        report_doubt("espeak-ng", heard)
        await report_all_grades(cases, heard)
        if options.noise:
            await report_noise(ear, cases, folder)
    await ear.close()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"processor time of all child processes {used.ru_utime + used.ru_stime:.0f} s, "
        f"memory of the largest {used.ru_maxrss / 1024:.0f} MB"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, help="folder with manifest.jsonl")
    parser.add_argument("--answers", type=int, default=36)
    parser.add_argument("--noise", action="store_true")
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(main(parser.parse_args(), Path(name)))
