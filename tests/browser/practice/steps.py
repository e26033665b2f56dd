"""What a learner does on the pages of practising, and a model that grades one criterion at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Semaphore, Thread

from playwright.sync_api import Page, expect

from service.assets.folders import find_folder
from service.assets.rubrics import RubricLibrary
from service.domain.answer import Answer
from service.domain.rubric import Rubric
from service.domain.task import GradingTask, Mode
from tests.factories import make_reply_text
from tests.servers.faults import make_completion

RUBRIC = "handling-difficult-customers"
QUESTION = "find-root-cause"
ANSWER = (
    "I let the customer finish without interrupting, and I repeated in my own words what I had understood. "
    "Then I asked what had changed since it last worked. I checked the log myself before I offered two ways to "
    "mend it, and the day after I called to hear whether it still held."
)
PATIENCE_MS = 60_000


def name_question(address: str, question: str = QUESTION) -> str:
    return f"{address}/practice/{RUBRIC}/{question}"


def answer(page: Page, text: str = ANSWER) -> None:
    """Types the answer and hands it in; the page of its feedback is open then."""
    page.get_by_role("textbox").fill(text)
    page.get_by_role("button", name="Get feedback").click()
    page.wait_for_url("**/practice/attempts/*")


def expect_feedback(page: Page) -> None:
    expect(page.locator("#feedback")).to_have_attribute("data-state", "done", timeout=PATIENCE_MS)
    expect(page.locator("#verdict .band")).to_be_visible()


def practise(page: Page, address: str, question: str = QUESTION, text: str = ANSWER) -> str:
    """The address of the feedback on a typed answer."""
    page.goto(name_question(address, question))
    answer(page, text)
    expect_feedback(page)
    return page.url


def read_rubric(name: str) -> Rubric:
    return RubricLibrary(find_folder("rubrics")).get(name)


class SteppingModel:
    """An OpenAI-compatible server that replies to one call whenever `release` is called.

    Each call is answered by its own thread, on the criteria that it asks for. With `refuses` it answers 401 at once.
    """

    def __init__(self, level: int = 4) -> None:
        self._rubric, self._level = read_rubric(RUBRIC), level
        self._released = Semaphore(0)
        self.refuses = False

    def release(self, calls: int = 1) -> None:
        self._released.release(calls)

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Its base URL."""
        model = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, reply = model.answer(body)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                with suppress(ConnectionError):  # the server that asked was killed meanwhile
                    self.wfile.write(reply)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            self.release(100)
            server.shutdown()
            thread.join()
            server.server_close()

    def answer(self, body: bytes) -> tuple[int, bytes]:
        if self.refuses:
            return 401, b'{"error": {"message": "no such key", "code": "invalid_api_key"}}'
        assert self._released.acquire(timeout=60), "nobody released the model"
        request = json.loads(body)
        wanted = request["response_format"]["json_schema"]["schema"]["properties"]["criteria"]["properties"]
        task = GradingTask(
            rubric=self._rubric,
            question=self._rubric.get_question(QUESTION),
            criteria=tuple(one for one in self._rubric.criteria if one.id in wanted),
            answer=Answer(text=ANSWER),
            mode=Mode.PRACTICE,
        )
        return 200, make_completion(make_reply_text(task, level=self._level))
