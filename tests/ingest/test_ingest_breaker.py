"""When a record has a chance."""

from __future__ import annotations

from ingest.breaker import Breaker


def test_closed_until_the_broker_is_seen():
    breaker = Breaker("not connected yet")
    assert not breaker.ready
    assert breaker.refusal(0) == "not connected yet"
    assert breaker.see(2)
    assert breaker.ready
    assert breaker.refusal(0) == ""
    assert not breaker.see(2)


def test_each_reason_is_news_once_in_an_outage():
    breaker = Breaker("")
    for _ in range(2):
        assert breaker.lose("late")
        assert breaker.lose("gone")
        assert not breaker.lose("late")
        assert not breaker.lose("gone")
        assert breaker.refusal(1) == "gone"
        assert breaker.see(2)


def test_a_partition_without_a_leader_does_not_close_the_others():
    breaker = Breaker("")
    breaker.see(2)
    assert breaker.stalled_for(7.0) == 0
    assert breaker.stall(0, 10.0)
    assert not breaker.stall(0, 11.0)
    assert breaker.stalled_for(15.0) == 5.0
    breaker.see(2)
    assert breaker.refusal(0)
    assert breaker.refusal(1) == ""
    assert breaker.ready
    breaker.stall(1, 12.0)
    assert not breaker.ready
    breaker.move(0)
    assert breaker.ready
    assert breaker.refusal(0) == ""
