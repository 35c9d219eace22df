"""Whether a request may go to a workspace now, by what it answered before."""

from __future__ import annotations

from math import inf

import pytest

from moengage.answers import Answer, Verdict
from moengage.brake import BrakeLimits
from moengage.retry import RetryPolicy
from moengage.workspace import Workspace

ACCEPTED = Answer(Verdict.ACCEPTED, 200)
NO_KEY = Answer(Verdict.PAUSE, 401, message="no such key")


def test_all_is_well_at_first() -> None:
    workspace = Workspace()
    assert (workspace.opens_at(7.0, 3), workspace.trouble) == (7.0, "")


def test_a_429_closes_it_for_as_long_as_it_says_and_a_little_more() -> None:
    workspace = Workspace(users_per_minute=100, events_per_minute=100)
    workspace.hears(Answer(Verdict.WAIT, 429, wait_s=20.0), 5, 0, 100.0, 0.5)
    assert workspace.opens_at(100.0, 0) == 121.0
    assert (workspace.users.per_minute, workspace.events.per_minute) == (75, 100)
    workspace.hears(ACCEPTED, 5, 0, 101.0, 0.5)  # one that was out; the rate is over all the same
    assert workspace.opens_at(101.0, 0) == 121.0
    assert workspace.trouble == ""


def test_wrong_credentials_pause_it_and_one_request_at_a_time_asks_again() -> None:
    workspace = Workspace(policy=RetryPolicy(pause_s=15.0))
    workspace.hears(NO_KEY, 1, 0, 100.0, 0.5)
    assert workspace.opens_at(100.0, 0) == 115.0
    assert workspace.opens_at(120.0, 1) == inf
    assert workspace.trouble == "MoEngage answers 401: no such key"
    workspace.hears(Answer(Verdict.AGAIN, 503), 1, 0, 120.0, 0.5)  # tells nothing of the credentials
    assert workspace.trouble
    for answer in (ACCEPTED, Answer(Verdict.BISECT, 400), Answer(Verdict.REFUSED, 415)):
        workspace.hears(NO_KEY, 1, 0, 130.0, 0.5)
        workspace.hears(answer, 1, 0, 131.0, 0.5)
        assert (workspace.opens_at(131.0, 3), workspace.trouble) == (131.0, "")


def test_known_again_but_over_the_rate() -> None:
    workspace = Workspace(policy=RetryPolicy(pause_s=1000.0))
    workspace.hears(NO_KEY, 1, 0, 0.0, 0.0)
    workspace.hears(Answer(Verdict.WAIT, 429, wait_s=20.0), 1, 0, 1.0, 0.0)
    assert (workspace.opens_at(1.0, 3), workspace.trouble) == (21.0, "")


def test_the_brake_lets_one_try_through_at_a_time() -> None:
    workspace = Workspace(brake=BrakeLimits(run=1, rest_s=60.0))
    assert workspace.brake.refused(0.0)
    assert (workspace.opens_at(0.0, 0), workspace.opens_at(61.0, 0)) == (60.0, 61.0)
    assert workspace.opens_at(61.0, 1) == inf
    assert workspace.trouble == "MoEngage refused too many elements"


@pytest.mark.parametrize("verdict", list(Verdict))
def test_what_moengage_did_not_take_leaves_the_budget(verdict: Verdict) -> None:
    workspace = Workspace(events_per_minute=600)
    workspace.sends(0, 300, 0.0)
    workspace.hears(Answer(verdict, 0), 0, 300, 1.0, 0.0)
    # Without an answer, MoEngage may have taken it.
    assert (workspace.events.ready_at(1.0) > 1.0) == (verdict in (Verdict.ACCEPTED, Verdict.AGAIN))


def test_budgets_are_taken_by_kind() -> None:
    workspace = Workspace(users_per_minute=60, events_per_minute=60)
    workspace.sends(50, 0, 0.0)
    assert workspace.users.ready_at(0.0) > 40
    assert workspace.events.ready_at(0.0) == 0.0
