"""What expressions see."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mapping_samples import TICKET, contact_row, moment, notification, state, view

from events.subjects import item_of
from mappings.conversations import conversation_part
from mappings.document import FIELDS, KNOWN_WHEN, PARTS, build
from mappings.moment import HAPPENINGS, Moment

CONVERSATION: dict[str, Any] = {
    "type": "conversation",
    "id": "2154",
    "state": "closed",
    "open": False,
    "priority": "priority",
    "custom_attributes": {"Reason": "parcel"},
    "tags": {"type": "tag.list", "tags": [{"id": "7", "name": "late"}, {"id": "8", "name": None}]},
    "conversation_rating": {"rating": 4, "remark": "words", "teammate": {"name": "words"}},
    "created_at": 1_768_035_600,
    "updated_at": 1_768_039_200,
    "title": "words",
    "source": {"body": "words", "author": {"name": "words"}},
    "conversation_parts": {"conversation_parts": [{"body": "words"}]},
}


def part(name: str, what: Moment) -> Any:
    return build(what, {name})[name]


def told(topic: str, item: dict[str, Any], *happened: str) -> Moment:
    return moment(*happened, topic=topic, document=notification(topic, item))


def test_a_conversation_without_a_word_of_it() -> None:
    seen = part("conversation", told("conversation.admin.closed", CONVERSATION))
    assert seen == {
        "id": "2154",
        "state": "closed",
        "open": False,
        "priority": "priority",
        "attributes": {"Reason": "parcel"},
        "tags": ["late"],
        "rating": 4,
        "created_at": 1_768_035_600,
        "updated_at": 1_768_039_200,
    }
    assert "words" not in json.dumps(seen)


@pytest.mark.parametrize(
    ("item", "conversation_id"),
    [
        ({"conversation": CONVERSATION, "contact": {"id": "aa10"}}, "2154"),
        ({"conversation": {"model": {"id": 1886}, "parts": []}}, "1886"),
        ({"conversation_id": "77"}, "77"),
    ],
)
def test_other_shapes_of_a_conversation(item: dict[str, Any], conversation_id: str) -> None:
    seen = conversation_part(item)
    assert seen is not None
    assert seen["id"] == conversation_id


@pytest.mark.parametrize("odd", [{}, {"id": None}, {"id": True}, {"conversation": {"id": []}}])
def test_no_id_is_no_conversation(odd: dict[str, Any]) -> None:
    assert conversation_part(odd) is None


@pytest.mark.parametrize("field", ["custom_attributes", "tags", "conversation_rating"])
def test_odd_fields_of_a_conversation_do_no_harm(field: str) -> None:
    for odd in (None, 5, "x", [], {"tags": 5}, {"tags": [5]}):
        assert conversation_part({**CONVERSATION, field: odd}) is not None


def test_a_tag_and_a_custom_event() -> None:
    tagged = told("contact.user.tag.created", {"tag": {"type": "tag", "id": "7", "name": "VIP"}})
    assert part("tag", tagged) == {"id": "7", "name": "VIP"}
    tracked = {"event_name": "paid", "metadata": {"a": 1}, "created_at": 5, "email": "a@b.example"}
    made = part("custom_event", told("event.created", tracked))
    assert made == {"name": "paid", "metadata": {"a": 1}, "created_at": 5}


@pytest.mark.parametrize("name", ["conversation", "tag", "custom_event", "ticket", "previous"])
def test_what_is_not_there_is_null(name: str) -> None:
    assert part(name, moment("contact", document={"id": "1"})) is None


def test_the_fields_of_every_part_are_those_that_are_named() -> None:
    ticket = moment("ticket_state_changed", ticket=view(TICKET), previous=state("1", "submitted"))
    built = {
        **build(ticket, {"ticket", "previous", "event"}),
        **build(told("conversation.read", CONVERSATION), {"conversation"}),
        **build(told("contact.user.tag.created", {"tag": {}}), {"tag"}),
        **build(told("event.created", {}), {"custom_event"}),
        **build(moment("partner_user", row=contact_row(), document={"a": 1}), {"partner"}),
    }
    for path, names in FIELDS.items():
        value = built
        for name in path:
            value = value[name]
        assert set(value) == set(names), path


def test_parts_and_words_are_real() -> None:
    assert set(KNOWN_WHEN) < set(PARTS)
    assert frozenset().union(*KNOWN_WHEN.values()) < set(HAPPENINGS)


def test_captured_conversations(samples_dir: Path) -> None:
    for path in samples_dir.glob("conversation_*.json"):
        seen = conversation_part(item_of(json.loads(path.read_bytes())))
        assert seen is not None
        assert "shetty" not in json.dumps(seen)
