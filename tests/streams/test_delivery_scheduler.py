"""The scheduler: what goes out when, by itself. Order under anything is in test_delivery_model.py."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest
from records import delivery

from events.elements import Delivery
from events.topics import DELIVERIES
from moengage.answers import Answer, Verdict
from moengage.brake import BrakeLimits
from moengage.errors import InvalidConfig
from moengage.fair_use import FairUse
from moengage.retry import RetryPolicy
from moengage.workspace import Workspace
from streams.chunks import Chunk, Place
from streams.delivery.element import Element
from streams.delivery.parking import Parking
from streams.delivery.requests import Limits, Request
from streams.delivery.scheduler import Scheduler
from streams.waiting import BUDGET, MOENGAGE

TAKEN = Answer(Verdict.ACCEPTED, 200)
BAD = Answer(Verdict.BISECT, 400)
DOWN = Answer(Verdict.AGAIN, 500)
POLICY = RetryPolicy(base_s=1.0, cap_s=8.0, pause_s=15.0)


class Desk:
    """A scheduler, with elements named by their customer and number: ``a1 b2``."""

    def __init__(
        self, *, fair: int = 0, users: int = 0, events: int = 0, run: int = 0, **limits: Any
    ) -> None:
        self.workspace = Workspace(
            users_per_minute=users, events_per_minute=events, brake=BrakeLimits(run=run), policy=POLICY
        )
        limits = {"linger_s": 0.0, "in_flight": 4, **limits}
        self.scheduler = Scheduler(Limits(**limits), self.workspace, FairUse(fair), Parking(), POLICY)
        self.now = 0.0
        self._count = 0

    def add(self, names: str, *, kind: str = "user") -> None:
        for customer in names.split():
            self._count += 1
            record = delivery(customer, kind=kind, name="made" if kind == "event" else "")  # type: ignore[arg-type]
            made = Delivery.from_record(record.key, record.value, record.headers)
            chunk = Chunk(Place(DELIVERIES, 0), [record], 1)
            self.scheduler.add(Element(chunk, self._count, record, made, self.now))

    def next(self) -> Request:
        request = self.scheduler.next(self.now)
        assert request is not None, "nothing to send"
        return request

    @property
    def idle(self) -> bool:
        """Whether nothing is to be sent now."""
        return self.scheduler.next(self.now) is None

    def send(self, answer: Answer = TAKEN) -> str:
        """Send the next request, which is answered at once; its elements."""
        request = self.next()
        names = shown(request)
        self.answer(request, answer)
        return names

    def answer(self, request: Request, answer: Answer = TAKEN) -> None:
        settled = self.scheduler.answered(request, answer, self.now, 1.0)
        if settled.refused is not None:
            self.scheduler.put_away(settled.refused)

    def rest(self) -> list[str]:
        """Everything that is left, a request after the other; time passes where it must."""
        sent = []
        while True:
            if (request := self.scheduler.next(self.now)) is not None:
                sent.append(shown(request))
                self.answer(request)
            elif self.scheduler.wakes_at < inf:
                self.now = self.scheduler.wakes_at
            else:
                return sent


def shown(request: Request) -> str:
    return " ".join(f"{element.customer}{element.index}" for element in request.elements)


# -- what goes together ---------------------------------------------------------------------------


def test_customers_that_are_busy_are_passed_over() -> None:
    desk = Desk(max_elements=2)
    desk.add("a b a c b d")
    first = desk.next()
    second = desk.next()
    assert (shown(first), shown(second)) == ("a1 b2", "c4 d6")
    assert desk.idle
    desk.answer(first)
    assert desk.send() == "a3 b5"


def test_a_request_lingers_for_company() -> None:
    desk = Desk(max_elements=3, linger_s=1.0)
    desk.add("a b")
    assert desk.idle
    assert desk.scheduler.wakes_at == 1.0
    desk.now = 0.5
    desk.add("c")
    assert desk.send() == "a1 b2 c3"
    desk.add("d")
    assert desk.idle
    desk.now = 1.5
    assert desk.send() == "d4"


def test_what_was_freed_waited_long_enough() -> None:
    desk = Desk(max_elements=2, linger_s=1.0)
    desk.add("a a a")
    assert desk.send() == "a1 a2"
    desk.now = 1.0
    assert desk.send() == "a3"


def test_merges_and_deletes_go_alone() -> None:
    desk = Desk(max_elements=5)
    desk.add("a")
    desk.add("b", kind="delete")
    desk.add("c")
    desk.add("d e", kind="merge")
    assert [desk.send() for _ in range(5)] == ["a1", "b2", "c3", "d4", "e5"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("max_elements", 0), ("max_bytes", 0), ("in_flight", 0), ("linger_s", -1), ("max_attempts", -1)],
)
def test_limits_that_cannot_work_are_named(name: str, value: float) -> None:
    with pytest.raises(InvalidConfig, match=f"^{name}: expected"):
        Limits(**{name: value})  # type: ignore[arg-type]


# -- failing --------------------------------------------------------------------------------------


def test_one_bad_element_is_found_in_few_calls_and_others_go_on_meanwhile() -> None:
    desk = Desk(max_elements=64, in_flight=2)
    desk.add(" ".join(f"c{n}-" for n in range(64)))
    calls, sent = 0, []
    first = desk.next()
    desk.add("other")
    other = desk.next()
    assert shown(other) == "other65"
    desk.answer(other)
    bad = first.elements[37]
    queue = [first]
    while queue:
        calls += 1
        request = queue.pop(0)
        desk.answer(request, BAD if bad in request.elements else TAKEN)
        if bad not in request.elements:
            sent += request.elements
        while (following := desk.scheduler.next(desk.now)) is not None:
            queue.append(following)
    assert calls <= 2 * 6 + 1
    assert len(sent) == len(set(sent)) == 63


def test_an_outage_is_met_with_few_requests_that_back_off() -> None:
    desk = Desk(max_elements=2, in_flight=3)
    desk.add("a b c d e f g h")
    for _ in range(3):
        desk.send(DOWN)
    assert desk.idle
    assert desk.scheduler.wakes_at == 1.0
    desk.now = 1.0
    assert [desk.send(DOWN) for _ in range(3)] == ["a1 b2", "c3 d4", "e5 f6"]
    assert desk.scheduler.next(desk.now) is None
    assert desk.scheduler.wakes_at == 3.0
    assert desk.rest() == ["a1 b2", "c3 d4", "e5 f6", "g7 h8"]


def test_an_element_that_fails_while_others_are_taken_is_taken_apart_and_holds_up_nobody_else() -> None:
    desk = Desk(max_elements=4, in_flight=2)
    desk.add("a b c d")

    def sends(request: Request) -> None:
        desk.answer(request, DOWN if any(e.customer == "b" for e in request.elements) else TAKEN)

    sends(desk.next())
    alone = False
    for number in range(40):
        desk.add(f"x{number}-")
        while (request := desk.scheduler.next(desk.now)) is not None:
            alone = alone or shown(request) == "b2"
            sends(request)
        desk.now += 1.0
    assert alone
    desk.add("y z")
    assert desk.send() == "y45 z46"


def test_in_an_outage_nothing_is_taken_apart() -> None:
    desk = Desk(max_elements=4)
    desk.add("a b c d")
    for _ in range(20):
        assert desk.send(DOWN) == "a1 b2 c3 d4"
        desk.now += 10.0


def test_an_element_may_be_given_up_when_it_fails_alone() -> None:
    desk = Desk(max_elements=1, in_flight=2, max_attempts=3)
    desk.add("a")
    refused = None
    for number in range(10):
        request = desk.next()
        settled = desk.scheduler.answered(request, DOWN, desk.now, 1.0)
        if settled.refused is not None:
            refused = settled.refused
            break
        desk.add(f"x{number}-")
        desk.send()
        desk.now += 10.0
    assert refused is not None
    assert (refused.customer, refused.attempts, refused.first) == ("a", 3, DOWN)


def test_in_an_outage_nothing_is_given_up() -> None:
    desk = Desk(max_elements=1, max_attempts=3)
    desk.add("a")
    for _ in range(20):
        settled = desk.scheduler.answered(desk.next(), DOWN, desk.now, 1.0)
        assert settled.refused is None
        desk.now += 10.0


# -- the workspace --------------------------------------------------------------------------------


def test_a_429_holds_up_everything_and_what_was_out_goes_first() -> None:
    desk = Desk(max_elements=1)
    desk.add("a b")
    desk.send(Answer(Verdict.WAIT, 429, wait_s=10.0))
    assert desk.idle
    assert desk.scheduler.wakes_at == 11.0  # with what is spread
    desk.now = 11.0
    assert [desk.send(), desk.send()] == ["a1", "b2"]


def test_a_pause_is_probed_by_one_request() -> None:
    desk = Desk(max_elements=1)
    desk.add("a b c")
    out = [desk.next(), desk.next()]
    for request in out:
        desk.answer(request, Answer(Verdict.PAUSE, 401))
    assert desk.idle
    desk.now = 15.0
    probe = desk.next()
    assert desk.idle
    assert desk.scheduler.wakes_at == inf
    desk.answer(probe)
    assert len([desk.next(), desk.next()]) == 2


def test_budgets_are_by_kind_and_the_oldest_waits_for_its_own() -> None:
    desk = Desk(max_elements=2, users=60)
    desk.add("a b")
    desk.send()
    desk.add("c")
    desk.add("d", kind="event")
    assert desk.idle
    assert 0 < desk.scheduler.wakes_at < 4
    desk.now = desk.scheduler.wakes_at
    assert desk.send() == "c3 d4"


def test_what_is_sent_again_takes_of_the_budget_too() -> None:
    desk = Desk(max_elements=10, users=60)
    desk.add("a b c d e f g h i j")
    desk.send(DOWN)
    desk.now = 1.0
    assert desk.idle
    assert desk.scheduler.wakes_at > 8


def test_a_customer_that_had_as_much_as_is_fair_rests_and_others_go_on() -> None:
    desk = Desk(max_elements=4, fair=2)
    desk.add("a a a b a")
    assert desk.send() == "a1 a2 b4"
    assert desk.idle
    assert 60 <= desk.scheduler.wakes_at <= 65
    desk.add("c")
    assert desk.send() == "c6"
    desk.now = 65.0
    assert desk.send() == "a3 a5"


def test_a_customer_that_rests_is_not_freed_by_what_is_out_of_it() -> None:
    desk = Desk(max_elements=2, fair=2)
    desk.add("a a")
    request = desk.next()
    desk.add("a a")
    assert desk.idle
    desk.now = 100.0
    assert desk.idle  # the minute is over, but its first ones are out still
    desk.answer(request)
    assert desk.send() == "a3 a4"


# -- the brake ------------------------------------------------------------------------------------


def test_while_the_brake_is_applied_every_try_is_another_one() -> None:
    desk = Desk(max_elements=1, in_flight=1, run=2)
    desk.add("a b c d e")
    assert [desk.send(BAD), desk.send(BAD)] == ["a1", "b2"]
    tried = []
    for _ in range(6):
        assert desk.idle
        desk.now = desk.scheduler.wakes_at
        tried.append(desk.send(BAD))
    assert tried == ["c3", "d4", "e5", "b2", "c3", "d4"]
    desk.now += 60
    assert desk.send() == "e5"
    assert sorted(desk.rest()) == ["b2", "c3", "d4"]


def test_a_try_that_holds_several_is_taken_apart_at_once() -> None:
    desk = Desk(max_elements=4, run=1)
    desk.add("a")
    desk.send(BAD)
    desk.add("b c d e")
    desk.now = 60.0
    assert desk.send(BAD) == "b2 c3 d4 e5"
    assert desk.send(BAD) == "b2 c3"
    assert desk.send(BAD) == "b2"
    assert desk.idle
    desk.now = 120.0
    assert desk.send() == "c3"
    assert desk.scheduler.workspace.trouble == ""


def test_refused_merges_do_not_count() -> None:
    desk = Desk(run=1)
    desk.add("a b", kind="merge")
    assert [desk.send(BAD), desk.send(BAD)] == ["a1", "b2"]
    assert desk.workspace.trouble == ""


# -- what it waits for ----------------------------------------------------------------------------


def test_a_reason_to_wait_counts_until_it_should_have_ended_and_for_one_attempt_more() -> None:
    place = Place(DELIVERIES, 0)
    desk = Desk(max_elements=1)
    desk.add("a")
    assert desk.scheduler.waiting(0.0) == {}
    desk.send(DOWN)  # for a second
    for now, reasons in [
        (0.5, {place: MOENGAGE[Verdict.AGAIN]}),
        (60.9, {place: MOENGAGE[Verdict.AGAIN]}),
    ]:
        assert desk.scheduler.waiting(now) == reasons
    assert desk.scheduler.waiting(61.1) == {}


def test_a_closed_workspace_is_a_reason_no_longer_than_it_is_tried_again() -> None:
    place = Place(DELIVERIES, 0)
    desk = Desk(max_elements=1)
    desk.add("a b")
    desk.send(Answer(Verdict.PAUSE, 401))  # for 15 s
    assert desk.scheduler.waiting(70.0) == {place: MOENGAGE[Verdict.PAUSE]}
    assert desk.scheduler.waiting(80.0) == {}


def test_a_budget_that_is_used_up_is_a_reason() -> None:
    desk = Desk(max_elements=100, users=60)
    desk.add(" ".join(f"c{n}" for n in range(101)))
    desk.send()
    assert desk.scheduler.waiting(1.0) == {Place(DELIVERIES, 0): BUDGET}
