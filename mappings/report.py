"""What the engine had to change so that MoEngage would take it: counted, never logged with values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Literal

Change = Literal[
    "name_renamed",
    "name_cut",
    "name_taken",
    "text_cut",
    "url_dropped",
    "list_cut",
    "list_as_text",
    "number_as_text",
    "object_as_text",
    "object_dropped",
    "value_unreadable",
    "attribute_dropped_over_100",
    "attribute_dropped_over_256",
    "time_clamped",
]

#: Every change with what it means, for the documentation and the metric's help.
CHANGES: Mapping[Change, str] = {
    "name_renamed": "a name that MoEngage keeps for itself, or that was taken, went behind intercom_",
    "name_cut": "a name was cut at 200 characters",
    "name_taken": "an attribute was left out because its name was taken, also behind intercom_",
    "text_cut": "a text was cut at 512 characters",
    "url_dropped": "a URL of more than 512 characters was left out",
    "list_cut": "a list was cut at 50 elements",
    "list_as_text": "a list of several types became one of texts",
    "number_as_text": "a whole number beyond 64 bits became text",
    "object_as_text": "an object inside an object became JSON text",
    "object_dropped": "such a JSON text had more than 512 characters and was left out",
    "value_unreadable": "a value could not be read as the type that its rule asks for",
    "attribute_dropped_over_100": "an event had more than 100 attributes",
    "attribute_dropped_over_256": "a user had more than 256 attributes",
    "time_clamped": "an event's time lay after its receipt and was set to that",
}

Report = Counter[str]


def note(report: Report | None, change: Change, times: int = 1) -> None:
    """Count a change, where anybody listens."""
    if report is not None and times > 0:
        report[change] += times
