"""The `embedded` backend: no language model; matches sentences to the rubric by the meaning of their words."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict

from service.domain.rubric import Rubric
from service.llm.base import Health, Reply, Request
from service.llm.embedded.index import RubricIndex
from service.llm.embedded.judge import judge_answer
from service.llm.embedded.vectors import WordVectors, describe_model

MAX_INDEXES = 16  # rubrics kept as vectors, about 1 MB each


class EmbeddedBackend:
    """Grades in the process, in milliseconds, alike on every run. The first call loads the vectors (0.5 s)."""

    def __init__(self) -> None:
        self._vectors: WordVectors | None = None
        self._indexes: OrderedDict[str, RubricIndex] = OrderedDict()
        self._loading = asyncio.Lock()
        self._building = asyncio.Lock()
        self._model = describe_model()

    @property
    def name(self) -> str:
        return "embedded"

    @property
    def notice(self) -> str | None:
        return (
            "No language model read this answer: its sentences were matched to the rubric by the meaning of their "
            "words. Take it as a baseline that may miss or misread things."
        )

    async def complete(self, request: Request) -> Reply:
        """The judgement of the request's task as JSON; the messages are not read."""
        started = time.perf_counter()
        index = await self._get_index(request.task.rubric)
        judgement = judge_answer(request.task, index)
        return Reply(
            text=judgement.model_dump_json(),
            model_served=self._model,
            tokens_in=0,
            tokens_out=0,
            cost_usd=0.0,
            latency_seconds=time.perf_counter() - started,
        )

    async def check_health(self) -> Health:
        """Loads the vectors, which come with the package, if that was not done yet."""
        await self._get_vectors()
        return Health(model_served=self._model, detail="the word vectors of the package are loaded")

    async def aclose(self) -> None:
        """Lets go of the vectors."""
        self._vectors = None
        self._indexes.clear()

    async def _get_index(self, rubric: Rubric) -> RubricIndex:
        key = rubric.content_hash
        if key not in self._indexes:
            async with self._building:  # 64 first answers at once built it 64 times: 11 s for 106 grades
                if key not in self._indexes:
                    vectors = await self._get_vectors()
                    self._indexes[key] = await asyncio.to_thread(RubricIndex.build, vectors, rubric)
            if len(self._indexes) > MAX_INDEXES:
                self._indexes.popitem(last=False)
        self._indexes.move_to_end(key)
        return self._indexes[key]

    async def _get_vectors(self) -> WordVectors:
        async with self._loading:
            if self._vectors is None:
                self._vectors = await asyncio.to_thread(WordVectors.load)
            return self._vectors
