"""Two configurations in the same stages: the same ids in both have nothing to do with each other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipeline import RULES, OneStage, Pipeline, delivered, told_companies, told_contacts, user
from records import (
    Json,
    Record,
    company_updated,
    contact_updated,
    membership,
    partner,
    record_of,
    snapshot,
)
from test_join import Step, memberships, moves, play, quick, renames, scheduler, sizes

from events.configurations import Configurations
from events.elements import Delivery
from events.envelope import Envelope
from events.keys import scoped, split_scope
from events.topics import COMPANIES, CONTACTS, DEAD_LETTERS, EVENTS
from mappings.rules import RuleSet, load
from streams.stages.companies import Companies
from streams.stages.contacts import Contacts
from streams.stages.route import Route
from streams.stages.stage import Stage
from streams.state import DictRows

TWO = Configurations(("default", "eu"))
EU_C1 = scoped("eu", "c1")


def of_eu(envelope: Envelope) -> Envelope:
    return replace(envelope, config="eu")


def headers_of_eu(record: Record, config: bytes = b"eu") -> Record:
    """The same record in another configuration, under its key there."""
    headers = [(name, config if name == "config" else value) for name, value in record.headers]
    assert record.key is not None
    return replace(record, key=scoped("eu", record.key.decode()).encode(), headers=headers)


def told(deliveries: Sequence[Delivery]) -> dict[str, tuple[str, list[str]]]:
    """Name and companies of every user, as last told."""
    users: dict[str, Json] = {
        one.customer_id: json.loads(one.body)["attributes"] for one in deliveries if one.kind == "user"
    }
    return {
        customer: (fields["u_n"], sorted(fields.get("company_names", [])))
        for customer, fields in users.items()
        if "u_n" in fields
    }


@given(
    st.lists(renames | memberships, max_size=8), st.lists(renames | memberships, max_size=8), st.data()
)
@quick
def test_two_workspaces_with_the_same_people_and_companies_come_out_true(
    here: list[Step], there: list[Step], data: st.DataObject
) -> None:
    """Their events come in any mixture, and the stages take turns as they like."""
    main, eu = play(here), play(there)
    waiting = [list(main.sent), [of_eu(one) for one in eu.sent]]
    pipeline = Pipeline(configurations=TWO)
    while any(waiting):
        source = data.draw(st.sampled_from([one for one in waiting if one]))
        pipeline.feed([source.pop(0)])
        if data.draw(st.booleans()):
            pipeline.run(scheduler(data), chunk=data.draw(sizes))
    pipeline.run(scheduler(data), chunk=data.draw(sizes))
    sent = pipeline.deliveries()
    assert told([one for one in sent if one.config == "default"]) == main.truth()
    assert told([one for one in sent if one.config == "eu"]) == eu.truth()
    assert len({one.delivery_id for one in sent}) == len(sent)
    assert pipeline.dead_letters() == []


def rows(pipeline: Pipeline, scope: str) -> dict[tuple[str, bytes], bytes]:
    """Rows of one configuration, under the keys that they have there."""
    mark = scoped("eu", "").encode()
    return {
        (stage, key.replace(mark, b"")): row
        for (stage, _), table in pipeline.tables.items()
        for key, row in table.rows.items()
        if (mark in key) is bool(scope)
    }


@given(st.lists(renames | memberships | moves, max_size=8))
@quick
def test_every_configuration_is_as_it_would_be_alone(steps: list[Step]) -> None:
    """To the byte: rows and deliveries of the default one are those of before there were others."""
    alone, both = Pipeline(), Pipeline(configurations=TWO)
    for envelope in play(steps).sent:
        alone.feed([envelope])
        alone.run()
        both.feed([of_eu(envelope), envelope])
        both.run()
    expected = sorted(alone.deliveries(), key=lambda one: one.delivery_id)
    for config, scope in (("default", ""), ("eu", "eu")):
        sent = [one for one in both.deliveries() if one.config == config]
        plain = [
            replace(one, config="default", delivery_id=split_scope(one.delivery_id)[1]) for one in sent
        ]
        assert sorted(plain, key=lambda one: one.delivery_id) == expected
        assert {split_scope(one.delivery_id)[0] for one in sent} <= {scope}
    assert rows(both, "") == rows(alone, "")
    assert rows(both, "eu").keys() == {
        (stage, key if stage == "contacts" else _lengthened(key)) for stage, key in rows(alone, "")
    }


def _lengthened(key: bytes) -> bytes:
    """A membership's key holds the length of its company's, which is longer in another configuration."""
    if not key.startswith(b"m"):
        return key
    return b"m" + (int.from_bytes(key[1:5], "big") + len("eu\x1f")).to_bytes(4, "big") + key[5:]


# -- each stage -----------------------------------------------------------------------------------


def test_route_keys_by_configuration() -> None:
    stage = OneStage(Route(configurations=TWO))
    item = contact_updated("c1", at=1)
    step = stage.take(record_of(item, topic=EVENTS), record_of(of_eu(item), topic=EVENTS))
    assert [(out.topic, out.key) for out in step.out] == [(CONTACTS, b"c1"), (CONTACTS, b"eu\x1fc1")]
    step = stage.take(record_of(of_eu(company_updated("k1", at=1)), topic=EVENTS))
    assert [(out.topic, out.key) for out in step.out] == [(COMPANIES, b"eu\x1fk1")]


def test_a_connectors_own_name_for_somebody_is_within_its_configuration() -> None:
    step = OneStage(Route(configurations=TWO)).take(
        record_of(of_eu(partner({"customer_id": "u1"}, received=1)), topic=EVENTS)
    )
    assert [out.key for out in step.out] == [b"eu\x1fcustomer:u1"]


def test_memberships_and_snapshots_stay_in_their_configuration() -> None:
    contacts = OneStage(Contacts(lambda _: RULES, configurations=TWO))
    joined = of_eu(contact_updated("c1", at=1, companies=["k1"]))
    assert told_companies(contacts.take(record_of(joined, EU_C1))) == [("eu\x1fk1", "c1", True)]
    companies = OneStage(Companies(configurations=TWO))
    companies.take(record_of(company_updated("k1", at=1), "k1", topic=COMPANIES))
    companies.take(membership("c1", True, 1))
    companies.take(headers_of_eu(membership("c1", True, 1)))
    named = of_eu(company_updated("k1", at=2, name="River"))
    step = companies.take(record_of(named, "eu\x1fk1", topic=COMPANIES))
    [(key, profile)] = told_contacts(step)
    assert (key, (profile or {})["name"]) == (EU_C1, "River")
    told_user = user(contacts.take(headers_of_eu(snapshot({"name": "River"}, 2))))
    assert told_user["company_names"] == ["River"]


def test_rules_and_identity_are_those_of_the_events_configuration_and_asked_for_once_a_chunk() -> None:
    asked: list[str] = []
    sets = {"Main": RULES, "eu": load(identity=("email",))}

    def rules(name: str) -> RuleSet:
        asked.append(name)
        return sets[name]

    configurations = Configurations(("Main", "eu"))
    stage = OneStage(Contacts(rules, configurations=configurations, real_time_action={"eu"}))
    mine = replace(contact_updated("c1", at=1), config="Main")
    before = replace(contact_updated("c2", at=1), config="")
    theirs = of_eu(contact_updated("c1", at=1))
    sent = delivered(
        stage.take(
            record_of(mine), record_of(theirs, EU_C1), record_of(before, "c2"), record_of(theirs, EU_C1)
        )
    )
    assert asked == ["Main", "eu"]
    assert [(one.config, one.customer_id, one.mapping_version) for one in sent] == [
        ("Main", "user-c1", sets["Main"].version),
        ("eu", "c1@example.com", sets["eu"].version),
        ("Main", "user-c2", sets["Main"].version),
    ]


# -- what belongs to none -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stage",
    [
        Route(configurations=TWO),
        Contacts(lambda _: RULES, configurations=TWO),
        Companies(configurations=TWO),
    ],
    ids=lambda stage: stage.name,
)
def test_a_record_of_a_configuration_that_is_gone_goes_to_the_dead_letters_whole(stage: Stage) -> None:
    one = OneStage(stage)
    gone = replace(contact_updated("c1", at=1), config="us")
    record = record_of(gone, scoped("us", "c1"), topic=stage.source, offset=7)
    after = record_of(contact_updated("c2", at=1), "c2", topic=stage.source, offset=8)
    step = one.take(record, after)
    [letter] = [out for out in step.out if out.topic == DEAD_LETTERS]
    headers = dict(letter.headers)
    assert (letter.key, letter.value) == (record.key, record.value)
    assert headers["dead_letter.offset"] == b"7"
    assert b"there is no configuration 'us' in the settings" in headers["dead_letter.reason"]
    assert headers["config"] == b"us"
    assert (step.counts["unknown_config"], step.counts["dead_lettered"]) == (1, 1)
    assert not any(b"us" in key for key in one.rows.rows)


@pytest.mark.parametrize(("config", "key"), [("eu", "c1"), ("default", EU_C1), ("eu", "au\x1fc1")])
def test_a_record_under_the_key_of_another_configuration_is_not_taken(config: str, key: str) -> None:
    for stage in (Contacts(lambda _: RULES, configurations=TWO), Companies(configurations=TWO)):
        one = OneStage(stage)
        step = one.take(record_of(replace(contact_updated("c1", at=1), config=config), key))
        assert [out.topic for out in step.out] == [DEAD_LETTERS]
        assert one.rows.rows == DictRows().rows
