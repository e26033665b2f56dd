"""`interview-grader serve`."""

from __future__ import annotations

from typing import Annotated

import typer


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; others than loopback need API keys.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")] = None,
) -> None:
    """Serve the HTTP API. Its description is at /docs."""
    from service.api.server import run_server
    from service.config import load_settings

    given = {"host": host, "port": port}
    run_server(load_settings(**{name: value for name, value in given.items() if value is not None}))
