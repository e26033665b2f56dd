"""The installed server, running."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

from tests.package.conftest import Installed


@contextmanager
def run_server(installed: Installed) -> Iterator[Callable[[str], str]]:
    """Serves on a free port; yields what fetches a path. It must stop cleanly at the end."""
    with serve(installed) as address:
        yield lambda path: httpx.get(f"{address}{path}", timeout=10).raise_for_status().text


@contextmanager
def serve(installed: Installed) -> Iterator[str]:
    """The address of a server on a free port."""
    process = subprocess.Popen(
        [str(installed.prefix / "bin" / "interview-grader"), "serve", "--port", "0"],
        cwd=installed.folder,
        env=installed.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Listening on "), (line, process.poll())
        yield line.split()[2]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.communicate()
