"""Whatever comes, signed and authenticated or not, is answered below 500, and what is taken is whole."""

from __future__ import annotations

import json

from front_door import post_webhook, send_partner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.envelope import Envelope

_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
_values = st.recursive(
    _scalars | st.sampled_from(["contact.deleted", "ping", "2026-01-01T00:00:00Z", 1e300]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=12,
)
_names = st.sampled_from(
    [
        "topic",
        "id",
        "app_id",
        "data",
        "item",
        "created_at",
        "modified_at",
        "intercom_id",
        "contact",
        "contacts",
    ]
)
_families = st.sampled_from(
    ["contact.x", "company.x", "ticket.x", "conversation.x", "event.x", "ping", "q"]
)
_objects = st.dictionaries(_names, _values, max_size=5)
_notifications = st.builds(
    lambda top, topic, item: {**top, "topic": topic, "data": {"item": item}},
    _objects,
    _families,
    _objects,
)
_bodies = st.binary(max_size=200) | (_notifications | _objects).map(
    lambda value: json.dumps(value).encode()
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=_bodies, kind=st.sampled_from(["event", "user"]))
async def test_any_body_is_answered_and_stored_whole_or_not_at_all(door, publisher, body, kind):
    publisher.taken.clear()
    taken = 0
    for response in (await post_webhook(door, body), await send_partner(door, body, kind=kind)):
        answer = await response.json()
        assert response.status in (200, 400), answer
        taken += answer["name"] == "accepted"
    assert len(publisher.taken) == taken
    for envelope, key in publisher.taken:
        assert key
        assert Envelope.from_record(body, envelope.headers()) == envelope
