from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.elements import DeleteElement, EventElement, MergeElement, UserElement
from moengage.bodies import read_merge, render, transition, transition_size
from moengage.errors import InvalidElement

AT_MS = 1_768_114_250_999  # 2026-01-11T06:50:50.999Z


def test_a_user_is_rendered_as_a_customer() -> None:
    element = UserElement("acme-1", {"u_fn": "Ada", "intercom_company_size": 40})
    assert orjson.loads(render(element, now_ms=AT_MS)) == {
        "type": "customer",
        "customer_id": "acme-1",
        "attributes": {"u_fn": "Ada", "intercom_company_size": 40},
    }


def test_an_event_is_rendered_with_one_action() -> None:
    element = EventElement("acme-1", "ticket_state_updated", {"intercom_event_id": "n1"}, AT_MS)
    assert orjson.loads(render(element, now_ms=AT_MS + 60_000)) == {
        "type": "event",
        "customer_id": "acme-1",
        "actions": [
            {
                "action": "ticket_state_updated",
                "attributes": {"intercom_event_id": "n1"},
                "platform": "unknown",
                "current_time": "2026-01-11T06:50:50Z",
            }
        ],
    }


def test_a_merge_and_a_delete_are_bodies_of_their_own_calls() -> None:
    merge = MergeElement("acme-1", "intercom:c1")
    body = render(merge, now_ms=AT_MS)
    assert orjson.loads(body) == {
        "merge_data": [{"retained_user": "acme-1", "merged_user": "intercom:c1"}]
    }
    assert read_merge(body) == merge
    assert orjson.loads(render(DeleteElement("acme-1"), now_ms=AT_MS)) == {
        "identity_type": "customer_id",
        "identity_value": "acme-1",
    }


def test_an_event_is_never_in_the_future() -> None:
    element = EventElement("acme-1", "ticket_created", {}, AT_MS + 3_600_000)
    action = orjson.loads(render(element, now_ms=AT_MS))["actions"][0]
    assert action["current_time"] == "2026-01-11T06:50:50Z"


def test_the_flag_for_triggered_campaigns_is_a_string_in_the_action() -> None:
    element = EventElement("acme-1", "ticket_created", {}, AT_MS)
    action = orjson.loads(render(element, now_ms=AT_MS, real_time_action=True))["actions"][0]
    assert action["real_time_action"] == "true"


def test_what_json_cannot_hold_is_named_without_its_value() -> None:
    # A datetime would go out in a form that MoEngage keeps as a string.
    secret = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(InvalidElement, match="event 'ticket_created'") as caught:
        render(EventElement("acme-1", "ticket_created", {"at": secret}, AT_MS), now_ms=AT_MS)
    assert "2026" not in str(caught.value)


@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3), max_size=6))
def test_joining_keeps_the_bytes_and_the_size_is_exact(attributes: list[dict[str, str]]) -> None:
    bodies = [render(UserElement(f"user-{n}", a), now_ms=AT_MS) for n, a in enumerate(attributes)]
    # Spaces that no encoder of ours would write show whether anything was encoded again.
    bodies = [body.replace(b'"type":"customer"', b'"type" : "customer"') for body in bodies]
    joined = transition(bodies)
    assert orjson.loads(joined) == {"type": "transition", "elements": [orjson.loads(b) for b in bodies]}
    assert joined.count(b'"type" : "customer"') == len(bodies)
    assert transition_size(map(len, bodies)) == len(joined)
