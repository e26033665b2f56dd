"""Numbers for Prometheus. Labels hold only names that the operator or this code chose, never what a user sent."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from service.domain.grade import Scored, Unscored
from service.domain.transcription import Transcription
from service.errors import BackendError
from service.grading.limits.limit import LimitState

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160)
METHODS = frozenset({"GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH"})
CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """One app's numbers: each app has its own registry, so that two in one process do not add up."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._grades = Counter(
            "grader_grades",
            "Grades made, by outcome; repeats of a request are not counted",
            ["status", "reason", "backend"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "grader_grade_seconds",
            "Time to make one grade",
            ["backend"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._tokens = Counter(
            "grader_tokens", "Tokens as providers count them", ["direction", "backend"], registry=self.registry
        )
        self._backend_errors = Counter(
            "grader_backend_errors",
            "Gradings that ended in a backend's error",
            ["code", "backend"],
            registry=self.registry,
        )
        self._requests = Counter(
            "grader_http_requests", "HTTP requests", ["method", "route", "status"], registry=self.registry
        )
        self.in_flight = Gauge("grader_in_flight", "Gradings that run now", registry=self.registry)
        self._limits = Gauge(
            "grader_limit_calls_per_second",
            "Calls a second that the provider is believed to allow; +Inf before it turned any away",
            ["backend"],
            registry=self.registry,
        )
        self._waiting = Gauge(
            "grader_waiting_calls", "Calls that wait for their turn", ["class", "backend"], registry=self.registry
        )
        self._calls = Gauge("grader_calls_in_flight", "Calls of the model now", ["backend"], registry=self.registry)

        self._transcriptions = Counter(
            "grader_transcriptions",
            "Recordings that were transcribed or failed",
            ["state", "code"],
            registry=self.registry,
        )
        self._transcription_seconds = Histogram(
            "grader_transcription_seconds",
            "Time from a recording's arrival to its transcript, waiting included",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.waiting_recordings = Gauge(
            "grader_recordings_waiting", "Recordings that wait for transcription", registry=self.registry
        )

    def show_limits(self, limits: Mapping[str, LimitState]) -> None:
        """The limits of all backends as they are now, by the backend's name."""
        for backend, state in limits.items():
            self._limits.labels(backend).set(state.calls_per_second)
            self._waiting.labels("interactive", backend).set(state.waiting)
            self._waiting.labels("bulk", backend).set(state.waiting_bulk)
            self._calls.labels(backend).set(state.in_flight)

    def count_grade(self, grade: Scored | Unscored, seconds: float) -> None:
        """A grade that was made and stored."""
        backend = grade.provenance.backend
        self._grades.labels(grade.status, grade.reason.code.value if grade.reason else "", backend).inc()
        self._seconds.labels(backend).observe(seconds)
        tokens = grade.provenance.tokens
        for direction, count in (("input", tokens.input), ("output", tokens.output)):
            self._tokens.labels(direction, backend).inc(count or 0)

    def count_backend_error(self, error: BackendError, backend: str) -> None:
        """A grading that a backend's error ended."""
        self._backend_errors.labels(error.code, backend).inc()

    def count_transcription(self, transcription: Transcription) -> None:
        """A transcription that came to its end."""
        code = transcription.failure.code if transcription.failure else ""
        self._transcriptions.labels(transcription.state.value, code).inc()
        if transcription.finished_at is not None and not code:
            self._transcription_seconds.observe((transcription.finished_at - transcription.created_at).total_seconds())

    def count_request(self, method: str, route: str, status: int) -> None:
        """An answered request; `route` is the template, not the path."""
        self._requests.labels(method if method in METHODS else "other", route, str(status)).inc()

    def render(self) -> bytes:
        """Prometheus' text format."""
        return generate_latest(self.registry)
