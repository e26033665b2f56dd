"""What the OpenAPI document says of evals and FastAPI cannot know: the schemas of reports, headers, examples."""

from __future__ import annotations

from typing import Any

from service.api.events import MEDIA_TYPE as EVENTS
from service.domain.base import Value
from service.evaluation.results.comparison import ComparisonReport
from service.evaluation.results.run import RunReport

# Reports have a Band and a CriterionView of their own, and the document has those of rubrics.
PREFIX = "Eval"
REFERENCE = f"#/components/schemas/{PREFIX}{{model}}"
REPORTS: dict[str, type[Value]] = {
    "/v1/evals/runs/{run_id}/report": RunReport,
    "/v1/evals/comparisons": ComparisonReport,
}

EVENT_STREAM = """\
id: 1
event: progress
data: {"graded": 12, "total": 280, "scored": 11, "unscored": {"answer_too_short": 1}, "failed": 0, …}

id: 2
event: finished
data: {"id": "behavioural-interview.grade-v1.embedded.…", "status": "finished", …}
"""


def describe_evals(document: dict[str, Any], examples: dict[str, Any]) -> None:
    """Completes the document; `examples` holds an `eval_run_request` and the `eval_run` that it began."""
    components, paths = document["components"]["schemas"], document["paths"]
    for path, report in REPORTS.items():
        schema = report.model_json_schema(mode="serialization", ref_template=REFERENCE)
        parts = {PREFIX + name: part for name, part in schema.pop("$defs").items()}
        components |= parts | {PREFIX + report.__name__: schema}
        content = paths[path]["get"]["responses"]["200"]["content"]
        content["application/json"] = {"schema": {"$ref": REFERENCE.format(model=report.__name__)}}
    components["EvalRunRequest"]["examples"] = [examples["eval_run_request"]]
    following = paths["/v1/evals/runs/{run_id}/events"]["get"]["responses"]["200"]
    following["content"][EVENTS]["example"] = EVENT_STREAM
    _describe_runs(paths["/v1/evals/runs"], examples["eval_run"])


def _describe_runs(operations: dict[str, Any], example: Any) -> None:
    location = {"Location": {"description": "Address of the run", "schema": {"type": "string"}}}
    answers = operations["post"]["responses"]
    answers["202"]["description"] = "The run is going on"
    for status in ("200", "202"):
        answers[status]["headers"] = location
    answers["202"]["content"]["application/json"]["examples"] = {
        "begun": {"summary": "A run that has begun", "value": example}
    }
    operations["get"]["responses"]["200"]["headers"] = {
        "Link": {"description": 'The next page, rel="next"; absent on the last', "schema": {"type": "string"}}
    }
