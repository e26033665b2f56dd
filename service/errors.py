"""Every error of the project, in one file.

    GraderError
    ├── InputError                what was handed in cannot be used; mending it helps
    │   ├── AnswerInvalid         the answer is not storable text
    │   ├── RubricInvalid         a rubric file breaks the format (file, line, path)
    │   ├── PromptInvalid         a prompt file breaks the format
    │   ├── UnknownRubric         UnknownQuestion    UnknownPrompt    UnknownModel    UnknownGrade    UnknownKey
    │   ├── EvalSetInvalid        an eval set breaks the format (file, line, field)
    │   ├── ImportInvalid         a table to be imported cannot be read (file, row, column)
    │   ├── PolicyInvalid         a gate's policy breaks the format
    │   ├── RunInvalid            a run that is unfinished, damaged, or unfit for what is asked
    │   ├── UnknownEvalSet        UnknownRun
    │   ├── BatchInvalid          a file of answers, or what was said of it, cannot be used
    │   ├── UnknownBatch          UnknownAnswer      UnknownUpload
    │   ├── ReviewInvalid         a review or decision that lacks something or does not fit the question
    │   ├── BatchStateConflict    what is asked does not fit the batch's state
    │   ├── ResultsHidden         reviews of the batch are blind, and its results are not open yet
    │   ├── UnknownAttempt        UnknownInterview   UnknownDispute
    │   ├── PracticeInvalid       an interview or a dispute that lacks something
    │   ├── AttemptWaiting        what is asked needs the attempt's grade, and it has none yet
    │   ├── CursorInvalid         a page cursor that this service did not issue
    │   ├── AudioInvalid          a recording that cannot be read as sound
    │   │   └── AudioTooLarge  AudioTooLong
    │   ├── KeptRecordingsFull    one more kept recording is more than one person may keep
    │   ├── UnknownTranscription  UnknownRecording
    │   ├── TranscriptionConflict what is asked does not fit the transcription's state
    │   └── IdempotencyConflict   the key was used before with another body
    ├── AccessError
    │   ├── KeyRequired           no API key, or one that is unknown or revoked
    │   ├── ScopeRequired         the key may not do this
    │   └── TooManyRequests       more work than one person asks for; carries retry_after_seconds (retryable)
    ├── ConfigInvalid             settings that cannot work together
    ├── BackendError              the model could not be asked, or gave nothing usable
    │   ├── BackendUnavailable    no connection, 5xx                          (retryable)
    │   ├── BackendTimeout        no reply in time                            (retryable)
    │   ├── BackendOverloaded     429; carries retry_after_seconds            (retryable)
    │   ├── BackendKeyRejected    BackendModelMissing   BackendRequestRejected
    │   │   └── BackendNoCredit   the account at the provider is empty
    │   ├── BackendNotInstalled   an optional package is missing
    │   ├── LiveCallRefused       live model calls are switched off
    │   ├── RecordingMissing      replay has no reply to this exact request
    │   ├── RecordingInvalid      a recording that cannot be read
    │   └── ReplyUnusable         a reply came but holds no judgement: the grade is Unscored
    │       └── ReplyEmpty   ReplyRefused   ReplyTruncated
    ├── SpeechError               a recording could not be transcribed
    │   ├── SpeechUnavailable     no connection, 5xx, no reply in time, the process died (retryable)
    │   ├── SpeechOverloaded      429; carries retry_after_seconds            (retryable)
    │   ├── SpeechRejected        the server refuses the key, the model or the request; or live calls are off
    │   ├── SpeechNotInstalled    an optional package or the model's weights are missing; or speech is switched off
    │   ├── TranscriptMissing     the folder of recorded transcripts has none of this recording
    │   ├── SpeechBusy            too many recordings wait                    (retryable)
    │   └── RecordingLost         a recording that waited is gone, or ended every process that tried it
    ├── RunIncomplete             some cases could not be graded; running again continues
    ├── RunNotWritable            the run's folder cannot be written; what it holds is kept
    ├── UploadNotWritable         a file that was sent cannot be kept; nothing of it stays
    ├── RunBusy                   another process is at this run                (retryable)
    ├── AlreadyGraded             another worker was first; its grade stands
    ├── InProgress                the same request is being graded right now    (retryable)
    ├── ShuttingDown              the server stops; ask again                   (retryable)
    └── StoreError
        ├── StoreUnavailable      locked, restarting, unreachable             (retryable)
        └── StoreReadOnly         StoreFull

A message is one or more plain sentences: where, what was expected, what to do. It never holds candidate text.
"""

from __future__ import annotations

from typing import ClassVar


class GraderError(Exception):
    """Base of all errors; `code` is stable and machine-readable, `str(error)` is for people."""

    code: ClassVar[str] = "grader-error"
    retryable: ClassVar[bool] = False


class InputError(GraderError):
    code = "input-invalid"


class AnswerInvalid(InputError):
    code = "answer-invalid"


class RubricInvalid(InputError):
    code = "rubric-invalid"


class PromptInvalid(InputError):
    code = "prompt-invalid"


class UnknownRubric(InputError):
    code = "rubric-unknown"


class UnknownQuestion(InputError):
    code = "question-unknown"


class UnknownPrompt(InputError):
    code = "prompt-unknown"


class UnknownModel(InputError):
    code = "model-unknown"


class UnknownGrade(InputError):
    code = "grade-unknown"


class UnknownKey(InputError):
    code = "key-unknown"


class EvalSetInvalid(InputError):
    code = "eval-set-invalid"


class ImportInvalid(InputError):
    code = "import-invalid"


class PolicyInvalid(InputError):
    code = "policy-invalid"


class RunInvalid(InputError):
    code = "run-invalid"


class UnknownEvalSet(InputError):
    code = "eval-set-unknown"


class UnknownRun(InputError):
    code = "run-unknown"


class BatchInvalid(InputError):
    code = "batch-invalid"


class UnknownBatch(InputError):
    code = "batch-unknown"


class UnknownAnswer(InputError):
    code = "answer-unknown"


class UnknownUpload(InputError):
    code = "upload-unknown"


class ReviewInvalid(InputError):
    code = "review-invalid"


class BatchStateConflict(InputError):
    code = "batch-state-conflict"


class ResultsHidden(InputError):
    code = "results-hidden"


class UnknownAttempt(InputError):
    code = "attempt-unknown"


class UnknownInterview(InputError):
    code = "interview-unknown"


class UnknownDispute(InputError):
    code = "dispute-unknown"


class PracticeInvalid(InputError):
    code = "practice-invalid"


class AttemptWaiting(InputError):
    code = "attempt-waiting"


class CursorInvalid(InputError):
    code = "cursor-invalid"


class AudioInvalid(InputError):
    code = "audio-invalid"


class AudioTooLarge(AudioInvalid):
    code = "audio-too-large"


class AudioTooLong(AudioInvalid):
    code = "audio-too-long"


class KeptRecordingsFull(InputError):
    code = "kept-recordings-full"


class UnknownTranscription(InputError):
    code = "transcription-unknown"


class UnknownRecording(InputError):
    code = "recording-unknown"


class TranscriptionConflict(InputError):
    code = "transcription-state-conflict"


class IdempotencyConflict(InputError):
    code = "idempotency-key-reused"


class AccessError(GraderError):
    code = "access-denied"


class KeyRequired(AccessError):
    code = "api-key-required"


class ScopeRequired(AccessError):
    code = "scope-required"


class TooManyRequests(AccessError):
    """Somebody asks for more work than one person does. `retry_after_seconds` is when they may go on."""

    code = "too-many-requests"
    retryable = True

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ConfigInvalid(GraderError):
    code = "config-invalid"


class BackendError(GraderError):
    code = "backend-failed"


class BackendUnavailable(BackendError):
    code = "backend-unavailable"
    retryable = True


class BackendTimeout(BackendError):
    code = "backend-timeout"
    retryable = True


class BackendOverloaded(BackendError):
    """429 from the provider. `retry_after_seconds` is what it asked for, None when it did not say."""

    code = "backend-overloaded"
    retryable = True

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class BackendKeyRejected(BackendError):
    code = "backend-key-rejected"


class BackendModelMissing(BackendError):
    code = "backend-model-missing"


class BackendRequestRejected(BackendError):
    code = "backend-request-rejected"


class BackendNoCredit(BackendRequestRejected):
    code = "backend-no-credit"


class BackendNotInstalled(BackendError):
    code = "backend-not-installed"


class LiveCallRefused(BackendError):
    code = "live-call-refused"


class RecordingMissing(BackendError):
    code = "recording-missing"


class RecordingInvalid(BackendError):
    code = "recording-invalid"


class ReplyUnusable(BackendError):
    """It was paid for: tokens and cost (US dollars) as of any reply, None where the provider did not say."""

    code = "reply-unusable"

    def __init__(
        self, message: str, tokens_in: int | None = None, tokens_out: int | None = None, cost_usd: float | None = None
    ) -> None:
        super().__init__(message)
        self.tokens_in, self.tokens_out, self.cost_usd = tokens_in, tokens_out, cost_usd


class ReplyEmpty(ReplyUnusable):
    code = "reply-empty"


class ReplyRefused(ReplyUnusable):
    code = "reply-refused"


class ReplyTruncated(ReplyUnusable):
    code = "reply-truncated"


class SpeechError(GraderError):
    code = "speech-failed"


class SpeechUnavailable(SpeechError):
    code = "speech-unavailable"
    retryable = True


class SpeechOverloaded(SpeechError):
    """429 from the server. `retry_after_seconds` is what it asked for, None when it did not say."""

    code = "speech-overloaded"
    retryable = True

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class SpeechRejected(SpeechError):
    code = "speech-rejected"


class SpeechNotInstalled(SpeechError):
    code = "speech-not-installed"


class TranscriptMissing(SpeechError):
    code = "transcript-missing"


class SpeechBusy(SpeechError):
    code = "speech-busy"
    retryable = True


class RecordingLost(SpeechError):
    code = "recording-lost"


class RunIncomplete(GraderError):
    code = "run-incomplete"


class RunNotWritable(GraderError):
    code = "run-not-writable"


class UploadNotWritable(GraderError):
    code = "upload-not-writable"


class RunBusy(GraderError):
    code = "run-busy"
    retryable = True


class AlreadyGraded(GraderError):
    code = "already-graded"


class InProgress(GraderError):
    code = "in-progress"
    retryable = True


class ShuttingDown(GraderError):
    code = "shutting-down"
    retryable = True


class StoreError(GraderError):
    code = "store-failed"


class StoreUnavailable(StoreError):
    code = "store-unavailable"
    retryable = True


class StoreReadOnly(StoreError):
    code = "store-read-only"


class StoreFull(StoreError):
    code = "store-full"


def find_error(code: str) -> type[GraderError]:
    """The error with this code, which was stored; GraderError for one that this version does not know."""
    kinds: list[type[GraderError]] = [GraderError]
    for kind in kinds:  # grows while it is walked
        kinds.extend(kind.__subclasses__())
    return next((kind for kind in kinds if kind.code == code), GraderError)
