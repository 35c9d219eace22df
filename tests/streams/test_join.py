"""The join as a whole: route, contacts and companies, wired together in memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pipeline import RULES, Choose, Pipeline
from records import (
    Json,
    attached,
    company,
    company_updated,
    contact,
    contact_updated,
    detached,
    moved_part,
    ms,
    state,
    ticket,
    webhook,
)

from events.elements import UserElement
from events.envelope import Envelope, Source
from events.rows import ContactRow
from events.topics import CONTACTS
from mappings.moment import Moment
from mappings.rules import map_moment


def brook_and_its_people() -> Pipeline:
    """Company k1 with three contacts, and one contact of another company."""
    pipeline = Pipeline()
    pipeline.feed(
        [
            *(contact_updated(one, at=1, companies=["k1"]) for one in ("c1", "c2", "c3")),
            contact_updated("c4", at=1, companies=["k2"]),
            company_updated("k1", at=2, name="Brook"),
            company_updated("k2", at=2, name="Other"),
        ]
    )
    pipeline.run()
    return pipeline


def test_a_renamed_company_reaches_its_contacts_and_nobody_else() -> None:
    pipeline = brook_and_its_people()
    before = {one.delivery_id for one in pipeline.deliveries()}
    pipeline.feed([company_updated("k1", at=10, name="River")])
    pipeline.run()
    news = [one for one in pipeline.deliveries() if one.delivery_id not in before]
    assert sorted(one.customer_id for one in news) == ["user-c1", "user-c2", "user-c3"]
    assert {one.kind for one in news} == {"user"}
    assert [pipeline.users()[f"user-c{n}"]["company_name"] for n in (1, 2, 3, 4)] == [
        "River", "River", "River", "Other",
    ]  # fmt: skip


def test_the_same_name_again_sends_nothing() -> None:
    pipeline = brook_and_its_people()
    told, sent = len(pipeline.records(CONTACTS)), len(pipeline.deliveries())
    pipeline.feed([company_updated("k1", at=10, name="Brook")])
    pipeline.run()
    assert (len(pipeline.records(CONTACTS)), len(pipeline.deliveries())) == (told, sent)


def test_a_change_that_no_rule_maps_reaches_the_contacts_and_sends_nothing() -> None:
    pipeline = brook_and_its_people()
    told, sent = len(pipeline.records(CONTACTS)), len(pipeline.deliveries())
    pipeline.feed([company_updated("k1", at=10, name="Brook", remote_created_at=7)])
    pipeline.run()
    assert (len(pipeline.records(CONTACTS)), len(pipeline.deliveries())) == (told + 3, sent)


def test_a_contact_that_moves_to_another_company_has_that_companys_name() -> None:
    pipeline = brook_and_its_people()
    pipeline.feed([contact_updated("c1", at=10, companies=["k2"])])
    pipeline.run()
    assert pipeline.users()["user-c1"]["company_names"] == ["Other"]
    pipeline.feed([company_updated("k1", at=20, name="River"), company_updated("k2", at=20, name="Sea")])
    pipeline.run()
    assert pipeline.users()["user-c1"]["company_names"] == ["Sea"]


def test_a_deleted_company_is_taken_from_its_users() -> None:
    pipeline = brook_and_its_people()
    pipeline.feed([webhook("company.deleted", {"type": "company", "id": "k1", "deleted": True}, at=9)])
    pipeline.run()
    counts = [pipeline.users()[f"user-c{n}"]["company_count"] for n in (1, 2, 3, 4)]
    assert counts == [0, 0, 0, 1]


def test_a_company_deleted_in_the_second_of_its_last_change_is_taken_from_its_users() -> None:
    pipeline = brook_and_its_people()
    gone = {"type": "company", "id": "k1", "deleted": True}
    pipeline.feed(
        [company_updated("k1", at=20.6, name="River"), webhook("company.deleted", gone, at=20.9)]
    )
    pipeline.run()
    assert pipeline.users()["user-c1"]["company_count"] == 0


def test_both_sides_of_the_join_judge_a_report_by_the_same_time() -> None:
    """A payload's contact was updated long before the notification; then older reports arrive late.

    The contact takes them, the company does not, and the member never gets a snapshot.
    """
    pipeline = Pipeline()
    pipeline.feed([company_updated(at=1)])
    seen = contact(at=10, companies=["k1"])
    pipeline.feed([webhook("contact.user.tag.created", {"tag": {"id": "1"}, "contact": seen}, at=100)])
    pipeline.run()
    pipeline.feed([detached(contact(at=40, companies=["k1"]), company(at=1), at=50)])
    pipeline.feed([attached(contact(at=60, companies=["k1"]), company(at=1), at=70)])
    pipeline.run()
    assert pipeline.users()["user-c1"].get("company_names") == ["Brook"]


def test_the_primary_company_is_the_same_in_any_order() -> None:
    """It is the one that the contact has belonged to longest."""
    companies = [company_updated("k1", at=1, name="Brook"), company_updated("k2", at=1, name="Other")]
    joined = [
        attached(contact(at=10, companies=["k2"]), company("k2", at=1, name="Other"), at=10),
        attached(contact(at=20, companies=["k2", "k1"]), company("k1", at=1, name="Brook"), at=20),
        contact_updated(at=30, companies=["k2", "k1"]),
    ]
    primary = []
    for order in (joined, joined[::-1]):
        pipeline = Pipeline()
        pipeline.feed([*companies, *order])
        pipeline.run()
        primary.append(pipeline.users()["user-c1"]["company_name"])
    assert primary == ["Other", "Other"]


def test_a_newer_list_also_counts_for_a_company_that_comes_up_later() -> None:
    """Joined, left, joined again; the list that no longer has the company comes first of all."""
    pipeline = Pipeline()
    pipeline.feed([company_updated("k1", at=1), contact_updated(at=1)])
    pipeline.feed(
        [
            contact_updated(at=40, companies=[]),
            detached(contact(at=20, companies=["k1"]), company("k1", at=1), at=20),
            attached(contact(at=30, companies=["k1"]), company("k1", at=1), at=30),
        ]
    )
    pipeline.run()
    assert pipeline.users()["user-c1"]["company_count"] == 0


# -- a small world ------------------------------------------------------------------------------


@dataclass
class World:
    """An Intercom workspace: what is true in it, and the notifications it sent about that, in order."""

    now: int = 0
    names: dict[str, str] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    members: dict[str, list[str]] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    sent: list[Envelope] = field(default_factory=list)

    def contact(self, one: str, also: str | None = None) -> Json:
        companies = [*self.members.get(one, []), *([also] if also else [])]
        return contact(one, at=self.changed[one], companies=companies, name=self.names[one])

    def company(self, one: str) -> Json:
        return company(one, at=self.changed[one], name=self.names[one])

    def rename_contact(self, one: str, name: str) -> None:
        self.names[one], self.changed[one] = name, self.now
        self.sent.append(webhook("contact.user.updated", self.contact(one), at=self.now))

    def rename_company(self, one: str, name: str) -> None:
        self.names[one], self.changed[one] = name, self.now
        self.sent.append(webhook("company.updated", self.company(one), at=self.now))

    def join(self, one: str, company_id: str, *, by: str) -> None:
        if company_id in self.members.get(one, []):
            return
        self.members.setdefault(one, []).append(company_id)
        self.changed[one] = self.now
        if by != "list":
            self.sent.append(attached(self.contact(one), self.company(company_id), at=self.now))
        if by != "event":
            self.sent.append(webhook("contact.user.updated", self.contact(one), at=self.now))

    def leave(self, one: str, company_id: str, *, by: str) -> None:
        if company_id not in self.members.get(one, []):
            return
        self.members[one].remove(company_id)
        self.changed[one] = self.now
        if by != "list":
            left = detached(self.contact(one, company_id), self.company(company_id), at=self.now)
            self.sent.append(left)
        if by != "event":
            self.sent.append(webhook("contact.user.updated", self.contact(one), at=self.now))

    def move_ticket(self, one: str, to: str) -> None:
        if self.states.get(one, "submitted") == to:
            return
        before = self.states.get(one, "submitted")
        self.states[one] = to
        item = ticket(
            state(to), at=self.now, ticket_id=f"t-{one}", parts=[moved_part(before, to, self.now)],
            contacts=[{"type": "contact", "id": one, "external_id": f"user-{one}"}],
        )  # fmt: skip
        self.sent.append(webhook("ticket.state.updated", item, at=self.now))
        self.sent.append(webhook("ticket.closed", item, at=self.now))

    def truth(self) -> dict[str, tuple[str, list[str]]]:
        """Name and companies of every contact."""
        return {
            f"user-{one}": (name, sorted(self.names[k] for k in self.members.get(one, [])))
            for one, name in self.names.items()
            if one.startswith("c")
        }

    def step(self, what: str, one: str, other: str, by: str = "") -> None:
        """Let one thing happen, ten seconds after the last."""
        self.now += 10
        match what:
            case "rename" if one.startswith("c"):
                self.rename_contact(one, other)
            case "rename":
                self.rename_company(one, other)
            case "join":
                self.join(one, other, by=by)
            case "leave":
                self.leave(one, other, by=by)
            case "move":
                self.move_ticket(one, other)


PEOPLE = ["c1", "c2", "c3"]
FIRMS = ["k1", "k2"]
Step = tuple[str, str, str, str]

people, firms = st.sampled_from(PEOPLE), st.sampled_from(FIRMS)
#: How Intercom tells of a membership: by its own event, by the contact's list of companies, or by both.
ways = st.sampled_from(["event", "list", "both"])
some_names = st.sampled_from(["Ash", "Birch", "Cedar"])
some_states = st.sampled_from(["in_progress", "waiting_on_customer", "resolved"])

renames = st.tuples(st.just("rename"), people | firms, some_names, st.just(""))
memberships = st.tuples(st.sampled_from(["join", "leave"]), people, firms, ways)
moves = st.tuples(st.just("move"), people, some_states, st.just(""))


def play(steps: list[Step], *, members: dict[str, list[str]] | None = None) -> World:
    """Everybody and every company comes to be, then the steps happen."""
    world = World(members=members or {})
    for one in (*PEOPLE, *FIRMS):
        world.step("rename", one, "First")
    for step in steps:
        world.step(*step)
    return world


def scheduler(data: st.DataObject) -> Choose:
    """Any stage, any partition may be the next to get on."""
    return lambda ready: data.draw(st.sampled_from(ready))


def told(pipeline: Pipeline) -> dict[str, tuple[str, list[str]]]:
    """What MoEngage knows at the end: name and companies of every user."""
    return {
        customer: (fields["u_n"], sorted(fields.get("company_names", [])))
        for customer, fields in pipeline.users().items()
        if "u_n" in fields
    }


def mapped(pipeline: Pipeline) -> dict[str, Json]:
    """The user that every contact's row would be mapped to now."""
    cause = Envelope(Source.WEBHOOK, "any", "any", "ws1", "main", ms(0), ms(0), b"{}")
    users = {}
    for (stage, _), table in pipeline.tables.items():
        for row in map(ContactRow.decode, table.rows.values()) if stage == "contacts" else ():
            for element in map_moment(RULES, Moment(cause, frozenset({"contact"}), row, {})):
                assert isinstance(element, UserElement)
                users[element.customer_id] = dict(element.attributes)
    return users


def shuffled(sent: list[Envelope], data: st.DataObject) -> list[Envelope]:
    """The notifications in any order, some of them twice.

    The newest first is tried most: that is how they come after an outage.
    """
    numbers = list(range(len(sent)))
    again = data.draw(st.lists(st.sampled_from(numbers), max_size=4)) if sent else []
    newest_first = sorted(numbers + again, reverse=True)
    return [sent[n] for n in data.draw(st.just(newest_first) | st.permutations(newest_first))]


sizes = st.sampled_from([1, 3, 500])
quick = settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@given(st.lists(renames | memberships, max_size=12), st.data())
@quick
def test_however_the_stages_take_turns_the_users_come_out_true(
    steps: list[Step], data: st.DataObject
) -> None:
    """Events come in order; partitions, stages and chunks do not wait for each other."""
    world = play(steps)
    pipeline = Pipeline()
    for envelope in world.sent:
        pipeline.feed([envelope])
        if data.draw(st.booleans()):
            pipeline.run(scheduler(data), chunk=data.draw(sizes))
    pipeline.run(scheduler(data), chunk=data.draw(sizes))
    assert told(pipeline) == world.truth()
    assert mapped(pipeline) == pipeline.users()
    assert pipeline.dead_letters() == []


@given(st.lists(renames | moves, max_size=10), st.data())
@quick
def test_in_any_order_names_come_out_true(steps: list[Step], data: st.DataObject) -> None:
    """Everybody belongs to k1, one also to k2, all the time; names and tickets change."""
    world = play(steps, members={"c1": ["k1", "k2"], "c2": ["k1"], "c3": ["k1"]})
    pipeline = Pipeline()
    pipeline.feed(shuffled(world.sent, data))
    pipeline.run(scheduler(data), chunk=data.draw(sizes))
    assert told(pipeline) == world.truth()
    assert mapped(pipeline) == pipeline.users()


around_one_contact = st.one_of(
    st.tuples(st.just("join"), st.just("c1"), firms, ways),
    st.tuples(st.just("leave"), st.just("c1"), firms, ways),
    st.tuples(st.just("rename"), st.just("c1") | firms, some_names, st.just("")),
)


@given(st.lists(around_one_contact, min_size=4, max_size=10), st.data())
@settings(quick, max_examples=60)
def test_in_any_order_memberships_come_out_true(steps: list[Step], data: st.DataObject) -> None:
    world = play(steps)
    beginning = len(PEOPLE) + len(FIRMS)
    pipeline = Pipeline()
    pipeline.feed(world.sent[:beginning])
    pipeline.feed(shuffled(world.sent[beginning:], data))
    pipeline.run()
    assert told(pipeline) == world.truth()
    assert mapped(pipeline) == pipeline.users()


@given(st.lists(renames | memberships | moves, max_size=8), st.booleans(), st.data())
@quick
def test_everything_once_more_changes_nothing(
    steps: list[Step], forgotten: bool, data: st.DataObject
) -> None:
    """A replay of intercom.events in any order; also of events whose ids nobody remembers any more."""
    world = play(steps)
    pipeline = Pipeline()
    pipeline.feed(world.sent)
    pipeline.run()
    users, events, rows = pipeline.users(), pipeline.events(), mapped(pipeline)
    again = shuffled(world.sent, data)
    if forgotten:
        again = [replace(one, event_id=f"notif_again_{number:024}") for number, one in enumerate(again)]
    pipeline.feed(again)
    pipeline.run(scheduler(data), chunk=data.draw(sizes))
    assert pipeline.users() == users
    assert mapped(pipeline) == rows
    assert pipeline.events() == events
    assert len({one.delivery_id for one in pipeline.deliveries()}) == len(pipeline.deliveries())
