"""What goes out of a transcription, and the correction that comes in."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from service.domain.delivery import Delivery, measure_delivery
from service.domain.transcript import Transcript, find_doubtful
from service.domain.transcription import MAX_CORRECTED_CHARACTERS, Transcription, TranscriptionState


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TranscriptionProblem(_Model):
    """Why a recording could not be transcribed. `code` is stable; `detail` is for people."""

    code: str
    detail: str


class TranscriptionView(_Model):
    """A recording and what was heard in it.

    `text` is what is graded: the speaker's correction where there is one, else the words of `transcript`.
    """

    id: str
    state: Annotated[TranscriptionState, Field(description="`done` and `failed` are its ends")]
    share: Annotated[float, Field(description="How much was listened to, 0 to 1")]
    created_at: datetime
    finished_at: datetime | None
    language: Annotated[str, Field(description="ISO 639-1 code of the language that was asked for")]
    text: str | None
    is_corrected: Annotated[bool, Field(description="The speaker has corrected or confirmed the words")]
    transcript: Annotated[Transcript | None, Field(description="The machine's, kept whatever is corrected")]
    doubtful: Annotated[
        tuple[int, ...],
        Field(description="Positions, from 0, of the transcript's words that were perhaps misheard: show them"),
    ]
    delivery: Annotated[
        Delivery | None, Field(description="How it was spoken, in plain measures. Never part of a score")
    ]
    problem: TranscriptionProblem | None
    notice: Annotated[str | None, Field(description="What to know of the transcriber's limits")]
    has_recording: Annotated[bool, Field(description="Whether the file that was sent is (still) kept")]

    @classmethod
    def build(cls, found: Transcription, notice: str | None) -> Self:
        heard, failure = found.transcript, found.failure
        return cls(
            id=found.id,
            state=found.state,
            share=round(found.share, 3),
            created_at=found.created_at,
            finished_at=found.finished_at,
            language=found.language,
            text=found.text,
            is_corrected=found.corrected is not None,
            transcript=heard,
            doubtful=find_doubtful(heard) if heard else (),
            delivery=measure_delivery(heard) if heard else None,
            problem=TranscriptionProblem(code=failure.code, detail=failure.message) if failure else None,
            notice=notice,
            has_recording=found.has_recording,
        )


class TranscriptionProgress(_Model):
    """How far a transcription is."""

    state: TranscriptionState
    share: Annotated[float, Field(description="How much was listened to, 0 to 1")]


class Correction(_Model):
    """The words as their speaker meant them."""

    text: Annotated[
        str | None,
        Field(
            max_length=MAX_CORRECTED_CHARACTERS,
            description="The whole text; the same words as heard confirm them; null takes a correction back",
        ),
    ]
