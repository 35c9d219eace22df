"""docs/openapi.yaml describes the front door as it is."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import yaml
from front_door import MemoryPublisher, config

from events.envelope import PARTNER_TOPICS
from ingest import errors
from ingest.app import create_app
from ingest.errors import Refusal, Unexpected

OPENAPI = yaml.safe_load((Path(__file__).parents[2] / "docs" / "openapi.yaml").read_text())


def test_it_has_every_path_and_method_and_no_other():
    app = create_app(config(), MemoryPublisher(), now_ms=lambda: 0)
    served = set()
    for route in app.router.routes():
        path = route.resource.canonical.removesuffix("{slash}")
        served.add((re.sub(r"\{kind:.*", "{kind}", path), route.method.lower()))
    described = {
        (path, method)
        for path, item in OPENAPI["paths"].items()
        for method in item
        if method != "parameters"
    }
    not_described = {(path, "head") for path in ("/healthz", "/readyz", "/metrics")}  # aiohttp's own
    assert served - not_described == described


def test_it_has_every_status_of_a_refusal():
    kinds = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, Refusal)]
    statuses = {str(one.status) for one in kinds if hasattr(one, "status") and one is not Unexpected}
    for path, methods in OPENAPI["paths"].items():
        for method in {"post", "put"} & methods.keys():
            assert statuses | {"200"} == methods[method]["responses"].keys(), (path, method)


def test_it_names_what_the_path_may_end_with():
    [kind, _] = OPENAPI["paths"]["/v1/partner/intercom/{kind}"]["parameters"]
    assert sorted(kind["schema"]["enum"]) == sorted(PARTNER_TOPICS)
    assert OPENAPI["info"]["version"] == version("moebridge")
