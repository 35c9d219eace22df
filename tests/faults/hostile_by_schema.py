"""Requests that schemathesis makes from docs/openapi.yaml: half of them against it, half within."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings
from raw_http import Request, http
from schemathesis import GenerationMode

from ingest.basic_auth import basic_header
from ingest.signature import HEADER, sign

OPENAPI = yaml.safe_load((Path(__file__).parents[2] / "docs" / "openapi.yaml").read_text())


def statuses() -> set[int]:
    """Every status that the document has an answer for, anywhere."""
    return {
        int(status)
        for path in OPENAPI["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict)
        for status in operation["responses"]
    }


def by_schema(number: int, count: int, *, secret: str, workspace: str, key: str) -> list[Request]:
    """About ``count`` of them, the same ones for the same seed ``number``; every other one is signed."""
    schema = schemathesis.openapi.from_dict(OPENAPI)
    posts = [one.ok() for one in schema.get_all_operations() if one.ok().body]
    cases: list[dict[str, Any]] = []
    for operation in posts:
        for mode in GenerationMode:

            @seed(number)
            @settings(
                max_examples=-(-count // (len(posts) * len(GenerationMode))),
                database=None,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(operation.as_strategy(generation_mode=mode))
            def collect(case: Any) -> None:
                cases.append(case.as_transport_kwargs(base_url="http://door"))

            collect()
    basic = ("Authorization", basic_header(workspace, key))
    return [
        _as_bytes(case, basic if index % 2 == 0 else None, secret) for index, case in enumerate(cases)
    ]


def _as_bytes(case: dict[str, Any], basic: tuple[str, str] | None, secret: str) -> Request:
    """A case as it goes over the wire; with ``basic`` and a signature where there is ``basic``."""
    body = case.get("data", b"")
    if "json" in case:
        body = json.dumps(case["json"]).encode()
    elif not isinstance(body, bytes):
        body = (body if isinstance(body, str) else urlencode(body)).encode("utf-8", "surrogatepass")
    query = urlencode(case.get("params") or {}, doseq=True, errors="surrogatepass")
    path = quote(urlsplit(case["url"]).path, safe="/%") + (f"?{query}" if query else "")
    headers = [(name, str(value)) for name, value in case["headers"].items()]
    ours = {"connection", "x-schemathesis-testcaseid"}  # the latter is another one each time
    ours |= {HEADER.lower(), "authorization"} if basic else set()
    headers = [(name, value) for name, value in headers if name.lower() not in ours]
    if basic:
        headers += [basic, (HEADER, sign(body, secret))]
    headers = [(name, value.replace("\r", "").replace("\n", "")) for name, value in headers]
    return Request("by schema", (http(case["method"], path, headers, body),), body=body)
