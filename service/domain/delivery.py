"""How an answer was spoken, counted from its transcript. Shown beside a grade, never part of one.

What people usually do, and from where we know it. These are habits of speakers, not marks. Read were the abstract of
Campione and Véronis and the university's account of Lundholm Fors; the other figures stand here as they are commonly
cited, since the studies themselves were not at hand.

- Words a minute: conversation in US English is said to average about 150 (National Center for Voice and Speech), from
  110 for the slow; interviews of British speakers came to 190 (Tauroza and Allison 1990, "Speech rates in British
  English", Applied Linguistics 11).
- Fillers: in conversations about a task 2 to 3 of 100 words, which is 3 to 5 a minute at 150 words, and with repeats
  and restarts about 6 of 100, which is 9 (Bortfeld and others 2001, "Disfluency rates in conversation", Language and
  Speech 44). Those are means, so the larger one is what is told as the end of the usual. There is no lower end, since
  transcribers leave out many an um.
- Pauses: Campione and Véronis 2002, "A large-scale multilingual study of silent pause duration" (Speech Prosody), found
  medium pauses of 0.2 to 1 s, and long ones above 1 s in spontaneous speech only. Only the long ones are counted here:
  the word times of Whisper are off by some tenths of a second. Sentences with pauses of 4 s, which she
  calls unusually long, were harder to follow (Lundholm Fors 2015, "Production and perception of pauses in speech",
  Gothenburg); where the usual ends nobody has measured.

Nothing is inferred about the person: no emotion, no confidence, no personality.
"""

from __future__ import annotations

import re

from pydantic import Field

from service.domain.base import Value
from service.domain.transcript import Transcript, list_gaps

PAUSE_SECONDS = 1.0
LEAST_SECONDS = 5.0  # a rate a minute of less is chance
FILLERS = frozenset({"um", "umm", "uhm", "uh", "uhh", "er", "erm", "hm", "hmm", "mm", "mmm", "ah", "eh"})
NOTICE = (
    "Counted from the transcript and never part of the score. Nothing is concluded about your mood, confidence or "
    "personality. Transcribers leave out many an um, so the count of fillers is a lower bound."
)


class Delivery(Value):
    """What was counted. Rates are None for a recording too short for them, pauses where the words have no times.

    `speaking_seconds` is from the first word to the last, pauses included; `pauses` are silences of over a second.
    """

    words: int = Field(ge=0)
    speaking_seconds: float = Field(ge=0)
    words_per_minute: float | None = Field(ge=0)
    fillers: int = Field(ge=0)
    fillers_per_minute: float | None = Field(ge=0)
    pauses: int | None = Field(ge=0)
    longest_pause_seconds: float | None = Field(ge=0)


class Reference(Value):
    """What speakers usually do, `low` to `high` (None: open), and who found that."""

    low: float | None
    high: float | None
    source: str


REFERENCES = {
    "words_per_minute": Reference(
        low=110, high=190, source="as commonly cited: National Center for Voice and Speech; Tauroza and Allison 1990"
    ),
    "fillers_per_minute": Reference(low=None, high=9, source="all disfluencies together; Bortfeld and others 2001"),
    "longest_pause_seconds": Reference(low=None, high=4, source="Campione and Véronis 2002; Lundholm Fors 2015"),
}


def measure_delivery(transcript: Transcript) -> Delivery:
    """What can be counted in a transcript; zeros and None for one without words."""
    words = transcript.words
    seconds = _measure_speaking(transcript)
    fillers = sum(re.sub(r"\W", "", word.text.lower()) in FILLERS for word in words)
    has_rates = seconds >= LEAST_SECONDS
    spoken = len(words) - fillers
    pauses = [gap for gap in list_gaps(transcript) if gap >= PAUSE_SECONDS] if transcript.has_word_times else None
    return Delivery(
        words=spoken,
        speaking_seconds=round(seconds, 1),
        words_per_minute=round(60 * spoken / seconds, 1) if has_rates else None,
        fillers=fillers,
        fillers_per_minute=round(60 * fillers / seconds, 1) if has_rates else None,
        pauses=None if pauses is None else len(pauses),
        longest_pause_seconds=None if pauses is None else round(max(pauses, default=0.0), 1),
    )


def _measure_speaking(transcript: Transcript) -> float:
    if not transcript.words:
        return 0.0
    if not transcript.has_word_times:
        return transcript.duration_seconds
    return transcript.words[-1].end_seconds - transcript.words[0].start_seconds
