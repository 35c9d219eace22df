"""Which bodies MoEngage takes: from bytes to elements, or a refusal in its words. Pure.

Source: Data API reference, read in November 2026. On a bulk request no refusal says which element.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from events.codec import decode_object
from events.errors import InvalidData
from events.keys import allowed_customer_id
from events.times import parse_ms
from moengage.errors import SandboxRefusal
from moengage.limits import MAX_MERGES
from moengage.sandbox.attributes import keep_event_attributes, keep_name, keep_user_attributes


@dataclass(frozen=True, slots=True)
class UserUpdate:
    """A user to create or update, with what MoEngage keeps of the attributes."""

    customer_id: str
    attributes: dict[str, Any]
    existing_only: bool


@dataclass(frozen=True, slots=True)
class NewEvent:
    """One action of one event element. ``occurred_at`` is in milliseconds."""

    customer_id: str
    action: str
    attributes: dict[str, Any]
    occurred_at: int


Taken = UserUpdate | NewEvent


@dataclass(slots=True)
class Reader:
    """Reads the elements of one request; ``dropped`` counts by reason what MoEngage would not keep.

    ``now_ms`` is the time of receipt, ``latest_ms`` the last moment that is not the future.
    """

    now_ms: int
    latest_ms: int
    objects_enabled: bool = False
    dropped: Counter[str] = field(default_factory=Counter)

    def bulk(self, body: bytes) -> list[Taken]:
        """The body of ``POST /transition``. Raises SandboxRefusal."""
        document = read_object(body)
        _expect_type(document, "transition")
        elements = document.get("elements")
        if not isinstance(elements, list) or not elements:
            _missing("elements", "elements is expected to be an array that is not empty")
        taken: list[Taken] = []
        for element in elements:
            kind = element.get("type") if isinstance(element, dict) else None
            if kind == "customer":
                taken.append(self._user(element))
            elif kind == "event":
                taken.extend(self._events(element))
            else:  # devices are documented; this project sends none
                _refuse("AttributeError", "type in elements should be customer or event", "type")
        return taken

    def user(self, body: bytes) -> list[Taken]:
        """The body of ``POST /customer``. Raises SandboxRefusal."""
        document = read_object(body)
        _expect_type(document, "customer")
        return [self._user(document)]

    def event(self, body: bytes) -> list[Taken]:
        """The body of ``POST /event``. Raises SandboxRefusal."""
        document = read_object(body)
        _expect_type(document, "event")
        return list(self._events(document))

    def _user(self, element: dict[str, Any]) -> UserUpdate:
        attributes = _attributes(element)
        existing_only = element.get("update_existing_only", False)
        if not isinstance(existing_only, bool):
            _refuse(
                "AttributeError",
                "update_existing_only is expected to be a boolean",
                "update_existing_only",
            )
        return UserUpdate(
            customer_id(element, "customer_id"),
            keep_user_attributes(attributes, self.dropped, objects_enabled=self.objects_enabled),
            existing_only,
        )

    def _events(self, element: dict[str, Any]) -> Iterator[NewEvent]:
        customer = customer_id(element, "customer_id")
        actions = element.get("actions")
        if not isinstance(actions, list) or not actions:
            _missing("actions", "actions is expected to be an array that is not empty")
        for action in actions:
            name = action.get("action") if isinstance(action, dict) else None
            if not isinstance(name, str) or not name:
                _missing("action", "action is expected to be a string that is not empty")
            attributes = _attributes(action)
            yield NewEvent(
                customer,
                keep_name(name, self.dropped),
                keep_event_attributes(attributes, self.dropped, objects_enabled=self.objects_enabled),
                self._moment(action),
            )

    def _moment(self, action: dict[str, Any]) -> int:
        """When it happened: as told, else the time of receipt."""
        told = action.get("current_time")
        if told is None:
            return self.now_ms
        moment = parse_ms(told)
        if moment is None:
            _refuse("AttributeError", "current_time is expected to be ISO 8601 or epoch", "current_time")
        if moment > self.latest_ms:
            _refuse("AttributeError", "current_time is in the future", "current_time")
        return moment


def read_merges(body: bytes) -> list[tuple[str, str]]:
    """The body of ``POST /customer/merge``: pairs of (retained, merged) customer ids."""
    pairs = read_object(body).get("merge_data")
    if not isinstance(pairs, list) or not 1 <= len(pairs) <= MAX_MERGES:
        _missing("merge_data", f"merge_data is expected to be an array of 1 to {MAX_MERGES}")
    merges = []
    for pair in pairs:
        if not isinstance(pair, dict):
            _missing("merge_data", "merge_data is expected to hold objects")
        merges.append((customer_id(pair, "retained_user"), customer_id(pair, "merged_user")))
    return merges


def read_deletion(body: bytes) -> str:
    """The body of ``POST /customer/delete``: the customer id. MoEngage ids are not known here."""
    document = read_object(body)
    if document.get("identity_type") != "customer_id":
        _refuse("InvalidParams", "identity_type is expected to be customer_id", "identity_type")
    return customer_id(document, "identity_value")


def read_object(body: bytes) -> dict[str, Any]:
    """A JSON object. Raises SandboxRefusal."""
    try:
        return decode_object(body)
    except InvalidData as error:
        raise SandboxRefusal(
            400, "Malformed JSON", f"Could not decode the request body: {error}"
        ) from None


def customer_id(holder: dict[str, Any], attribute: str) -> str:
    """A customer id that MoEngage takes. Raises SandboxRefusal."""
    value = holder.get(attribute)
    if value is None:
        _missing(attribute, f"{attribute} is not found in the payload")
    if not isinstance(value, str):
        _missing(attribute, f"{attribute} is expected to be a string")
    if not allowed_customer_id(value):
        _refuse(
            "AttributeError", f"{attribute} is empty, too short or long, or a forbidden value", attribute
        )
    return value


def _attributes(holder: dict[str, Any]) -> dict[str, Any]:
    attributes = holder.get("attributes", {})
    if not isinstance(attributes, dict):
        _refuse("AttributeError", "attributes is expected to be an object", "attributes")
    return attributes


def _expect_type(document: dict[str, Any], expected: str) -> None:
    if document.get("type") != expected:
        _refuse("AttributeError", f"type is expected to be {expected}", "type")


def _missing(attribute: str, message: str) -> NoReturn:
    _refuse("MissingAttributeError", message, attribute)


def _refuse(error_type: str, message: str, attribute: str) -> NoReturn:
    raise SandboxRefusal(400, error_type, message, attribute=attribute)
