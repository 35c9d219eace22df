"""Replayed events: what happened is told again as it was, what is so stays as it is now."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from records import (
    Json,
    company_updated,
    contact,
    contact_updated,
    moved_part,
    ms,
    partner,
    record_of,
    state,
    ticket,
    webhook,
)
from test_join import World, memberships, moves, renames, scheduler

from events.elements import Delivery
from events.envelope import Envelope
from events.replays import Replayed
from events.rows import ContactRow, ReplayShadow
from events.topics import DEAD_LETTERS, DELIVERIES
from mappings.rules import load
from moebridge.dead_letters.letter import read_letter
from streams.rehearsal import Rehearsal
from streams.stages.contacts import Contacts
from streams.state import DictRows, State

RULES = load()
FIRST, SECOND = Replayed("aaaaaaaaaaaa"), Replayed("bbbbbbbbbbbb")

Told = tuple[str, str, str, int, str]


def rehearsal(told: Iterable[Envelope] = ()) -> Rehearsal:
    """A bridge that was told this live."""
    bridge = Rehearsal(RULES, partitions=2)
    bridge.feed(told)
    bridge.run()
    return bridge


def news(bridge: Rehearsal) -> list[Delivery]:
    """What was handed on since the last look."""
    bridge.run()
    deliveries = bridge.deliveries()
    bridge.forget()
    return deliveries


def again(bridge: Rehearsal, told: Iterable[Envelope], replayed: Replayed = FIRST) -> list[Delivery]:
    """What comes of a replay."""
    news(bridge)
    bridge.replay(told, replayed)
    return news(bridge)


def events(deliveries: Iterable[Delivery], *, but: str = "company") -> list[tuple[str, str, str]]:
    """Id, customer and body of every event; what it tells of companies is as they are now."""
    found = []
    for one in deliveries:
        if one.kind == "event":
            body = json.loads(one.body)
            [action] = body["actions"]
            action["attributes"] = {
                name: value for name, value in action["attributes"].items() if not name.startswith(but)
            }
            found.append((one.delivery_id, one.customer_id, json.dumps(body, sort_keys=True)))
    return found


def users(deliveries: Iterable[Delivery], known: dict[str, Json] | None = None) -> dict[str, Json]:
    """MoEngage's users: every attribute as it was last told."""
    found = {customer: dict(attributes) for customer, attributes in (known or {}).items()}
    for one in deliveries:
        if one.kind == "user":
            found.setdefault(one.customer_id, {}).update(json.loads(one.body)["attributes"])
    return found


def without_left(found: dict[str, Json]) -> dict[str, Json]:
    """Without what is kept of companies that somebody left: whether it was told depends on the join."""
    for attributes in found.values():
        if not attributes.get("company_count"):
            for name in [one for one in attributes if one.startswith("company_")]:
                del attributes[name]
    return found


def rows(bridge: Rehearsal) -> dict[str, ContactRow]:
    """Every contact's row, but for its shadow and the digests of what was sent.

    And but for the times at which it is known not to have been a company's member: of these, lists from
    before it joined tell more. And but for the moments, of which a body that came twice within a minute
    tells a later one where only the second is replayed.
    """
    found = {}
    for key, raw in table_of(bridge, "contacts").items():
        one = replace(ContactRow.decode(raw), replay=None, sent="", steady="", moments={})
        for tie in one.companies.values():
            tie.ended_at = 0 if tie.member else tie.ended_at
        found[key.decode()] = one
    return found


def row(bridge: Rehearsal, contact_id: str = "c1") -> ContactRow:
    for (stage, _), table in bridge.tables.items():
        if stage == "contacts" and (raw := table.get(contact_id.encode())):
            return ContactRow.decode(raw)
    raise AssertionError(contact_id)


# -- any history ----------------------------------------------------------------------------------


class Busy(World):
    """A world whose contacts also get tags, and whose connectors tell of them."""

    def step(self, what: str, one: str, other: str, by: str = "") -> None:
        if what == "tag":
            self.now += 10
            item = {
                "tag": {"type": "tag", "id": f"g-{other}", "name": other},
                "contact": self.contact(one),
            }
            self.sent.append(webhook("contact.user.tag.created", item, at=self.now))
        elif what == "connector":
            self.now += 10
            body: Json = {
                "intercom_id": one,
                "plan_seen": other,
                "event_attributes": {"event_name": other},
            }
            if by:
                body["modified_at"] = ms(self.now) // 1000
            self.sent.append(partner(body, received=self.now + 1))
        elif what == "ask":
            self.now += 10
            asked: Json = {"id": "9", "contacts": {"contacts": [{"type": "contact", "id": one}]}}
            self.sent.append(webhook("conversation.user.replied", asked, at=self.now))
        else:
            super().step(what, one, other, by)


people = st.sampled_from(["c1", "c2"])
words = st.sampled_from(["Ash", "Birch"])
more = st.one_of(
    st.tuples(st.just("tag"), people, words, st.just("")),
    st.tuples(st.just("connector"), people, words, st.sampled_from(["", "dated"])),
    st.tuples(st.just("ask"), people, words, st.just("")),
)
histories = st.lists(renames | moves | moves | memberships | more, max_size=12)
sizes = st.sampled_from([1, 3, 500])
quick = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def sent(steps: list[Any]) -> list[Envelope]:
    world = Busy()
    for one in ("c1", "c2", "c3", "k1", "k2"):
        world.step("rename", one, "First")
    for step in steps:
        world.step(*step)
    return world.sent


@given(histories, st.data())
@quick
def test_a_history_that_is_told_again_is_the_same_history(steps: list[Any], data: st.DataObject) -> None:
    """Events with their ids, times and attributes; rows and users end as they were."""
    history = sent(steps)
    bridge = rehearsal(history)
    first, before = news(bridge), rows(bridge)
    bridge.replay(history, FIRST)
    bridge.run(scheduler(data), chunk=data.draw(sizes))
    retold = news(bridge)
    assert sorted(events(retold)) == sorted(events(first))
    assert users(retold, users(first)) == users(first)
    assert rows(bridge) == before
    assert {one.replayed for one in retold} <= {FIRST}


@given(histories, st.integers(0, 12), st.data())
@quick
def test_newer_live_events_in_between_end_as_without_the_replay(
    steps: list[Any], known: int, data: st.DataObject
) -> None:
    history = sent(steps)
    old, new = history[: 5 + known], history[5 + known :]
    alone = rehearsal(history)
    bridge = rehearsal(old)
    for one in data.draw(st.permutations([True] * len(old) + [False] * len(new))):
        if one:
            bridge.replay([old.pop(0)], FIRST)
        else:
            bridge.feed([new.pop(0)])
        if data.draw(st.booleans()):
            bridge.run(scheduler(data), chunk=data.draw(sizes))
    bridge.run(scheduler(data), chunk=data.draw(sizes))
    assert without_left(users(bridge.deliveries())) == without_left(users(alone.deliveries()))
    live = [one for one in bridge.deliveries() if one.replayed is None]
    assert sorted(events(live)) == sorted(events(alone.deliveries()))


@given(histories, st.data())
@quick
def test_a_part_of_the_history_never_brings_back_what_is_old(
    steps: list[Any], data: st.DataObject
) -> None:
    history = sent(steps)
    bridge = rehearsal(history)
    first, before = news(bridge), rows(bridge)
    some = [one for one in history if data.draw(st.booleans())]
    assert users(again(bridge, some), users(first)) == users(first)
    assert rows(bridge) == before


@given(histories, st.data())
@quick
def test_what_a_crashed_replay_publishes_twice_is_told_once(
    steps: list[Any], data: st.DataObject
) -> None:
    history = sent(steps)
    whole = again(rehearsal(history), history)
    at = data.draw(st.integers(0, len(history)))
    back = data.draw(st.integers(0, at))
    doubled = again(rehearsal(history), [*history[:at], *history[back:]])
    assert sorted(one.delivery_id for one in doubled) == sorted(one.delivery_id for one in whole)


@given(histories, st.data())
@quick
def test_only_what_is_asked_for_is_handed_on(steps: list[Any], data: st.DataObject) -> None:
    """What the record of deliveries lacks is what a plan finds, and what is handed on for it."""
    history = sent(steps)
    bridge = rehearsal(history)
    first = news(bridge)
    lost = {one.delivery_id for one in first if data.draw(st.booleans())}
    taken = {one.delivery_id: one.delivery_id not in lost for one in first}
    plan = Rehearsal(
        RULES,
        contacts=table_of(bridge, "contacts"),
        companies=table_of(bridge, "companies"),
        receipts=taken.get,
    )
    planned = {one.delivery_id for one in again(plan, history)}
    assert planned <= lost
    assert {one.delivery_id for one in first if one.kind == "event"} & lost <= planned
    asked = Replayed(FIRST.id, only=frozenset(planned))
    assert Counter(one.delivery_id for one in again(bridge, history, asked)) == Counter(planned)


def table_of(bridge: Rehearsal, name: str) -> dict[bytes, bytes]:
    """A table as its changelog has it."""
    return {
        key: raw
        for (stage, _), table in bridge.tables.items()
        if stage == name
        for key, raw in table.rows.items()
    }


# -- one by one -----------------------------------------------------------------------------------


def moved(to: str, at: float, *, before: str = "submitted") -> Envelope:
    parts = [moved_part(before, to, at)]
    return webhook("ticket.state.updated", ticket(state(to), at=at, parts=parts), at=at)


def test_nothing_is_missing_where_everything_was_taken() -> None:
    history = [contact_updated(at=1), contact_updated(at=2), moved("resolved", 3)]
    bridge = rehearsal(history)
    taken = dict.fromkeys((one.delivery_id for one in news(bridge)), True)
    plan = Rehearsal(RULES, contacts=table_of(bridge, "contacts"), receipts=taken.get)
    assert again(plan, history) == []


def test_a_user_whose_update_was_lost_is_told_under_its_own_id() -> None:
    history = [contact_updated(at=1, name="Old"), contact_updated(at=2, name="New")]
    bridge = rehearsal(history)
    first, second = (one.delivery_id for one in news(bridge))
    receipts = {first: True, second: False}.get
    plan = Rehearsal(RULES, contacts=table_of(bridge, "contacts"), receipts=receipts)
    assert [one.delivery_id for one in again(plan, history)] == [second]


def test_the_same_user_comes_once_a_replay_and_as_it_is_now() -> None:
    history = [contact_updated(at=at, name=f"Name {at}") for at in (1, 2, 3)]
    bridge = rehearsal(history)
    [one] = again(bridge, history)
    assert json.loads(one.body)["attributes"]["u_n"] == "Name 3"
    assert len(again(bridge, history, SECOND)) == 1


def test_a_changed_mapping_tells_what_the_old_one_did_not(tmp_path: Any) -> None:
    (tmp_path / "own.yaml").write_text(
        "extends: default\nrules:\n"
        "  - {name: fixed, when: ticket_state_changed, on: {to: resolved}, event: ticket_fixed}\n"
    )
    history = [contact_updated(at=1), moved("in_progress", 2), moved("resolved", 3, before="in_progress")]
    live = rehearsal(history)
    changed = Rehearsal(
        load(tmp_path), contacts=table_of(live, "contacts"), companies=table_of(live, "companies")
    )
    names = [one.name for one in again(changed, history) if one.kind == "event"]
    assert sorted(names) == ["ticket_fixed", "ticket_state_changed", "ticket_state_changed"]


def test_another_replay_begins_anew() -> None:
    history = [contact_updated(at=1), moved("resolved", 2)]
    bridge = rehearsal(history)
    told = events(again(bridge, history))
    assert len(told) == 1
    assert events(again(bridge, history)) == []
    assert events(again(bridge, history, SECOND)) == told
    shadow = row(bridge).replay
    assert shadow is not None
    assert shadow.id == SECOND.id


def test_a_live_event_drops_a_shadow_that_is_a_day_old() -> None:
    bridge = rehearsal([contact_updated(at=1)])
    again(bridge, [contact_updated(at=1)])
    bridge.feed([contact_updated(at=3600)])
    bridge.run()
    assert row(bridge).replay is not None
    bridge.feed([contact_updated(at=90_000)])
    bridge.run()
    assert row(bridge).replay is None


def test_the_end_of_a_contact_is_not_replayed() -> None:
    """Neither a merge nor a delete: they cannot be undone."""
    rules = load(merges="all", deletes=True)
    bridge = Rehearsal(rules)
    told = [contact_updated("c1", at=1), contact_updated("c2", at=1)]
    bridge.feed(told)
    bridge.run()
    merged = {**contact("c2", at=2), "merged_from": {"type": "contact", "id": "c1"}}
    ends = [
        webhook("contact.merged", merged, at=2),
        webhook("contact.deleted", {"type": "contact", "id": "c2", "deleted": True}, at=3),
    ]
    before = table_of(bridge, "contacts")
    assert again(bridge, ends) == []
    assert table_of(bridge, "contacts") == before
    assert bridge.counts["contacts", "not_replayed"] == 3


def test_what_is_replayed_of_a_merged_contact_goes_to_the_one_that_is_left() -> None:
    bridge = Rehearsal(load(merges="all"))
    told = [contact_updated("c1", at=1), contact_updated("c2", at=1), moved("resolved", 2)]
    merged = {**contact("c2", at=3), "merged_from": {"type": "contact", "id": "c1"}}
    bridge.feed([*told, webhook("contact.merged", merged, at=3)])
    bridge.run()
    retold = again(bridge, told)
    assert [(one.kind, one.customer_id) for one in retold] == [("user", "user-c2"), ("event", "user-c2")]


def test_a_ticket_of_two_contacts_is_told_again_of_both() -> None:
    both = [{"type": "contact", "id": one, "external_id": f"user-{one}"} for one in ("c1", "c2")]
    item = ticket(state("resolved"), at=2, parts=[moved_part("submitted", "resolved", 2)], contacts=both)
    history = [webhook("ticket.state.updated", item, at=2), webhook("ticket.closed", item, at=2)]
    bridge = rehearsal(history)
    first = news(bridge)
    assert sorted(events(again(bridge, history))) == sorted(events(first))
    assert [one.customer_id for one in first] == ["user-c1", "user-c2"]


def test_a_company_tells_its_members_again_though_nothing_changed() -> None:
    told = [contact_updated(at=1, companies=["k1"]), company_updated("k1", at=2, name="River")]
    bridge = rehearsal(told)
    assert news(bridge)
    [one] = again(bridge, told[1:])
    assert (one.kind, one.replayed) == ("user", FIRST)
    assert json.loads(one.body)["attributes"]["company_name"] == "River"


def test_the_label_is_an_attribute_of_users_and_events() -> None:
    history = [contact_updated(at=1), moved("resolved", 2)]
    bridge = rehearsal(history)
    user, event = again(bridge, history, Replayed("aaaaaaaaaaaa", "replay"))
    assert json.loads(user.body)["attributes"]["replay"] == "aaaaaaaaaaaa"
    assert json.loads(event.body)["actions"][0]["attributes"]["replay"] == "aaaaaaaaaaaa"


def test_the_label_displaces_nothing() -> None:
    fields = {f"field_{n:03}": n for n in range(300)}
    history = [contact_updated(at=1, custom_attributes=fields)]
    bridge = rehearsal(history)
    [before] = news(bridge)
    [full] = again(bridge, history, Replayed("aaaaaaaaaaaa", "replay"))
    [taken] = again(bridge, history, Replayed("bbbbbbbbbbbb", "u_n"))
    assert full.body == taken.body == before.body


def test_a_refused_record_keeps_its_mark_and_is_told_once_it_is_redriven() -> None:
    """A rule set that cannot render what it made refuses; the shadow has not seen it then."""
    bridge = rehearsal([contact_updated(at=1)])
    news(bridge)
    good = record_of(moved("resolved", 2))
    headers = [*good.headers, *Replayed("aaaaaaaaaaaa", "replay").headers()]
    table = DictRows(table_of(bridge, "contacts"))
    stage = Contacts(lambda _: RULES)

    def take(record: Any) -> list[Any]:
        view = State(table)
        step = stage.step([record], view, ms(10))
        table.apply(view.changes)
        return step.out

    bad = replace(good, value=b"{", headers=headers)
    [refused] = take(bad)
    assert refused.topic == DEAD_LETTERS
    letter = read_letter(replace(good, topic=DEAD_LETTERS, value=b"{", headers=refused.headers))
    redriven = replace(letter, value=good.value).redriven("run", ms(20))
    [told] = take(replace(good, headers=redriven.headers))
    assert told.topic == DELIVERIES
    delivery = Delivery.from_record(told.key, told.value, told.headers)
    assert delivery.replayed == Replayed("aaaaaaaaaaaa", "replay")
    assert take(replace(good, headers=redriven.headers)) == []


def test_rows_of_before_have_no_shadow_and_a_shadow_comes_back_whole() -> None:
    old = json.loads(ContactRow("c1").encode())
    del old["replay"], old["moments"]
    assert ContactRow.decode(json.dumps(old).encode()) == ContactRow("c1")
    bridge = rehearsal([contact_updated(at=1)])
    again(bridge, [contact_updated(at=1), moved("resolved", 2)])
    known = row(bridge)
    assert isinstance(known.replay, ReplayShadow)
    assert known.replay.tickets["t1"].category == "resolved"
    assert ContactRow.decode(known.encode()) == known
