"""What a learner hands in, looked up and kept before anything is graded."""

from __future__ import annotations

from dataclasses import dataclass

from service.assets.rubrics import RubricLibrary
from service.domain.answer import AnswerKind, check_storable
from service.domain.grade import QuestionRef, VersionRef
from service.domain.practice import (
    Attempt,
    AttemptState,
    Learner,
    NewAttempt,
    make_follow_up_key,
    make_question_key,
)
from service.domain.rubric import FREE_QUESTION_ID, Rubric
from service.errors import PracticeInvalid, SpeechNotInstalled, UnknownInterview
from service.practice.history import History
from service.practice.questions import Questions
from service.store.interviews import InterviewStore
from service.store.practice import AttemptStore
from service.wiring import Submission, draw_id, now
from service.wiring_speech import Speech, add_words


@dataclass(frozen=True, slots=True)
class Attempting:
    """Turns what was handed in into a stored attempt that waits for its grade."""

    rubrics: RubricLibrary
    attempts: AttemptStore
    interviews: InterviewStore
    history: History
    questions: Questions
    speech: Speech | None

    async def store(self, learner: Learner, new: NewAttempt) -> tuple[Attempt, str]:
        """The stored attempt and its answer. Raises as `Practice.start`; then nothing is stored."""
        rubric, question, key = await self._find_question(learner, new)
        text, kind = await self._read_answer(learner, new)
        if new.interview is not None:
            await self._check_place(learner, new.interview, new.place)
        attempt = Attempt(
            id=draw_id("att"),
            learner=learner.id,
            created_at=now(),
            rubric=VersionRef(id=rubric.id, version=rubric.version),
            question=question,
            question_key=key,
            kind=kind,
            transcription=new.transcription,
            parent=new.parent,
            interview=new.interview,
            place=new.place if new.interview is not None else None,
            grade=draw_id("grd"),
            state=AttemptState.WAITING,
        )
        await self.attempts.add(attempt, text)
        return attempt, text

    async def _find_question(self, learner: Learner, new: NewAttempt) -> tuple[Rubric, QuestionRef, str]:
        if new.parent is not None:
            return await self._find_follow_up(learner, new.parent)
        rubric = self.rubrics.get(new.rubric)
        question = rubric.get_question(check_storable(new.question, "question"))
        key = make_question_key(question.id, question.text)
        return rubric, QuestionRef(id=question.id, text=question.text), key

    async def _find_follow_up(self, learner: Learner, parent_id: str) -> tuple[Rubric, QuestionRef, str]:
        """From the parent's own feedback: what is asked is never what a form says."""
        parent = await self.attempts.get(learner, parent_id)
        feedback = (await self.history.get_grade(parent)).feedback
        text = feedback.follow_up_question if feedback is not None else None
        if not text:
            raise PracticeInvalid("parent: that feedback has no follow-up question. Try the question itself again.")
        rubric, _ = self.questions.find_of_attempt(parent)
        return rubric, QuestionRef(id=FREE_QUESTION_ID, text=text), make_follow_up_key(parent.question_key, text)

    async def _read_answer(self, learner: Learner, new: NewAttempt) -> tuple[str, AnswerKind]:
        """The text to be graded. Words that come with a transcription correct it, or confirm it."""
        if new.transcription is None:
            return _check_words(new.answer), AnswerKind.TYPED
        if self.speech is None:
            raise SpeechNotInstalled("Recordings cannot be transcribed here. Type your answer.")
        found = await self.speech.get(new.transcription, learner.owner)
        spoken = add_words(Submission(rubric=new.rubric, question=new.question, answer=""), found)
        if new.answer.strip() and new.answer != found.corrected:
            await self.speech.correct(found.id, learner.owner, new.answer)
        return _check_words(new.answer if new.answer.strip() else spoken.answer), AnswerKind.SPOKEN

    async def _check_place(self, learner: Learner, interview_id: str, place: int | None) -> None:
        items = (await self.interviews.get(learner, interview_id)).items
        if place is None or not 0 <= place < len(items):
            raise UnknownInterview(f"place: this interview has {len(items)} questions, counted from 0.")


def _check_words(text: str) -> str:
    if not text.strip():
        raise PracticeInvalid("answer: there are no words yet. Write or say your answer.")
    return check_storable(text)
