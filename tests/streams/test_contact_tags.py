"""The tags that a contact has, and what they are called."""

from __future__ import annotations

import pytest
from records import Json

from events.rows import TAGS_MAX, ContactRow
from streams.stages.contact_tags import listed, take

ADDED, REMOVED, UPDATED = "contact.user.tag.created", "contact.user.tag.deleted", "contact.user.updated"


@pytest.fixture
def row() -> ContactRow:
    return ContactRow("c1")


def hear(
    row: ContactRow, topic: str, *ids: str, tag: tuple[str, str] | None = None, more: bool = False
) -> bool:
    """A contact that lists these tags, and the tag that it is about; whether a name was new."""
    before = listed(row)
    data = [{"type": "tag", "id": one, "url": f"/tags/{one}"} for one in ids]
    row.profile["tags"] = {"type": "list", "data": data, "has_more": more}
    return take(row, topic, item(tag), before)


def item(tag: tuple[str, str] | None) -> Json:
    return {"tag": {"type": "tag", "id": tag[0], "name": tag[1]}} if tag else {}


def tags(row: ContactRow) -> dict[str, str | None]:
    return {tag["id"]: tag.get("name") for tag in listed(row)}


def test_a_name_is_kept_by_its_id(row: ContactRow) -> None:
    assert hear(row, ADDED, "1", tag=("1", "VIP"))
    assert hear(row, UPDATED, "1", "2")
    assert tags(row) == {"1": "VIP", "2": None}
    hear(row, UPDATED)
    assert hear(row, UPDATED, "1")
    assert tags(row) == {"1": "VIP"}


def test_a_list_may_not_know_yet_of_what_it_is_told_with(row: ContactRow) -> None:
    hear(row, ADDED, tag=("1", "VIP"))
    assert tags(row) == {"1": "VIP"}
    hear(row, REMOVED, "1", tag=("1", "VIP"))
    assert tags(row) == {}


def test_a_list_of_ten_leaves_the_others_as_they_were(row: ContactRow) -> None:
    ten = [str(number) for number in range(10)]
    hear(row, ADDED, *ten, tag=("eleven", "VIP"), more=True)
    hear(row, UPDATED, *ten, more=True)
    assert len(tags(row)) == 11
    hear(row, REMOVED, *ten, tag=("eleven", "VIP"), more=True)
    assert list(tags(row)) == ten
    hear(row, UPDATED, "1")
    assert list(tags(row)) == ["1"]


def test_old_news_still_tells_a_name(row: ContactRow) -> None:
    hear(row, UPDATED, "1")
    assert take(row, ADDED, item(("1", "VIP")), None)
    assert not take(row, ADDED, item(("2", "Beta")), None)
    assert tags(row) == {"1": "VIP"}
    assert hear(row, UPDATED, "1", "2")
    assert tags(row) == {"1": "VIP", "2": "Beta"}


def test_a_tag_is_renamed(row: ContactRow) -> None:
    hear(row, ADDED, "1", tag=("1", "VIP"))
    hear(row, ADDED, "1", tag=("1", "Very important"))
    assert tags(row) == {"1": "Very important"}


def test_names_and_tags_are_bounded(row: ContactRow) -> None:
    for number in range(TAGS_MAX + 20):
        hear(row, ADDED, tag=(f"t{number}", f"Name {number}"), more=True)
    assert len(row.tag_names) == len(listed(row)) == TAGS_MAX
    assert "t0" not in row.tag_names


@pytest.mark.parametrize("odd", [None, [], {}, {"data": None}, {"data": [None, 5, {"id": 7}]}, "x"])
def test_what_is_no_list_of_tags_does_no_harm(row: ContactRow, odd: object) -> None:
    row.profile["tags"] = odd
    take(row, ADDED, {"tag": odd}, [])
    take(row, ADDED, item(("1", "VIP")), listed(row))


def test_the_payload_stays_as_it_was_told(row: ContactRow) -> None:
    told = {"type": "tag", "id": "1"}
    row.profile["tags"] = {"data": [told]}
    take(row, ADDED, item(("1", "VIP")), [])
    assert told == {"type": "tag", "id": "1"}
