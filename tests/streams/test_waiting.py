"""A known reason to wait counts while it is given anew."""

from __future__ import annotations

from streams.waiting import ATTEMPT_S, Wait


def test_a_reason_counts_for_its_time_and_one_attempt() -> None:
    now = 100.0
    wait = Wait(lambda: now)
    assert wait.waiting() is None
    wait.begin("MoEngage limits the rate", 30)
    now += 30 + ATTEMPT_S - 1
    assert wait.waiting() == "MoEngage limits the rate"
    now += 1
    assert wait.waiting() is None  # whoever waits should have tried again by now
    wait.begin("MoEngage limits the rate", 30)
    assert wait.waiting() is not None
    wait.end()
    assert wait.waiting() is None
