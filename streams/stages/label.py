"""The label of a replayed element: an attribute that tells in MoEngage which replay it comes of."""

from __future__ import annotations

from dataclasses import replace

from events.elements import Element, EventElement, UserElement
from events.replays import Replayed
from mappings.report import Report, note
from mappings.safety import MAX_EVENT_ATTRIBUTES, MAX_USER_ATTRIBUTES, over, safe_name


def labelled(element: Element, replayed: Replayed, report: Report | None = None) -> Element:
    """A user or an event with the label; as it is where there is none to put in, or no room for it.

    What the mapping says is never displaced: an attribute of the label's name stays.
    """
    if not replayed.label or not isinstance(element, UserElement | EventElement):
        return element
    name = safe_name(replayed.label)
    if name in element.attributes:
        note(report, "name_taken")
        return element
    limit = MAX_EVENT_ATTRIBUTES if isinstance(element, EventElement) else MAX_USER_ATTRIBUTES
    if len(element.attributes) >= limit:
        note(report, over(limit))
        return element
    return replace(element, attributes={**element.attributes, name: replayed.id})
