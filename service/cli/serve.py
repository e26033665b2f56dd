"""`interview-grader serve`."""

from __future__ import annotations

from typing import Annotated

import typer


def serve(
    host: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Address to listen on. [default: 127.0.0.1]")
    ] = None,
    port: Annotated[
        int | None, typer.Option(metavar="N", min=0, max=65535, help="Port; 0 picks a free one. [default: 8000]")
    ] = None,
) -> None:
    """Serve the HTTP API, described at /docs.

    \b
    interview-grader serve                      for this machine, without keys
    interview-grader keys create "HR portal"    other addresses need a key first
    interview-grader serve --host 0.0.0.0
    """
    from service.api.server import run_server
    from service.config import load_settings

    given = {"host": host, "port": port}
    run_server(load_settings(**{name: value for name, value in given.items() if value is not None}))
