"""What a gate tolerates: `policy.yaml`, or the defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from service.assets.yaml_files import parse_yaml, read_text
from service.domain.base import Value
from service.errors import PolicyInvalid

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Margin = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


class Policy(Value):
    """Limits of a gate.

    `margin_qwk` is the loss of overall quadratic weighted kappa that still counts as no worse (non-inferiority margin),
    `criterion_margin_qwk` that of one criterion. `coverage_loss` is the share of gradings that may lose their score.
    Below `fewest_cases` or `fewest_clusters` (questions) a verdict is not given: the interval would be a guess.
    """

    format: Literal[1] = 1
    margin_qwk: Margin = 0.05
    criterion_margin_qwk: Margin = 0.10
    coverage_loss: Share = 0.02
    fewest_cases: Annotated[int, Field(ge=2)] = 40
    fewest_clusters: Annotated[int, Field(ge=2)] = 6
    families: Literal["no_new_breaks", "ignore"] = "no_new_breaks"
    top_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    resamples: Annotated[int, Field(ge=2_000, le=100_000)] = 2_000
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 20_261_122


def read_policy(path: Path | None) -> Policy:
    """The policy in a file, or the default one; raises PolicyInvalid with file, line and field."""
    if path is None:
        return Policy()
    return parse_yaml(read_text(path, PolicyInvalid), Policy, path, PolicyInvalid)
