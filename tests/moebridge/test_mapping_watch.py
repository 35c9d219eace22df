"""What polls see of rule files, and what is tried of it."""

from __future__ import annotations

from moebridge.mapping_watch import Seen, Verdict, Watch

OLD, NEW, HALF = {"own.yaml": b"old"}, {"own.yaml": b"new"}, {"own.yaml": b"ne"}
GONE = "there is nothing"


def judged(watch: Watch, *polls: Seen) -> list[Verdict]:
    return [watch.judge(seen) for seen in polls]


def test_what_stays_as_it_was_is_left_alone() -> None:
    assert judged(Watch(OLD), OLD, dict(OLD), OLD) == ["nothing"] * 3


def test_a_change_is_tried_once_two_polls_have_seen_the_same() -> None:
    watch = Watch(OLD)
    assert judged(watch, NEW, NEW) == ["wait", "try"]
    watch.took(NEW)
    assert judged(watch, NEW, OLD, OLD) == ["nothing", "wait", "try"]


def test_a_poll_between_two_writes_tries_nothing() -> None:
    """An editor cuts the file, writes half of it, writes the rest; a copy brings one file of two."""
    empty, both = {"own.yaml": b""}, {**NEW, "two.yaml": b"2"}
    assert judged(Watch(OLD), empty, HALF, NEW, both, both) == ["wait"] * 4 + ["try"]


def test_a_folder_that_is_gone_for_a_moment_is_no_change() -> None:
    watch = Watch(OLD)
    assert judged(watch, GONE, OLD, GONE) == ["wait", "nothing", "wait"]
    assert watch.judge(GONE) == "try"


def test_what_was_refused_is_not_tried_again_until_it_is_another() -> None:
    watch = Watch(OLD)
    assert judged(watch, HALF, HALF) == ["wait", "try"]
    watch.refused(HALF)
    assert judged(watch, HALF, NEW, HALF, NEW, NEW) == ["nothing", "wait", "nothing", "wait", "try"]


def test_what_was_refused_may_be_withdrawn() -> None:
    watch = Watch(OLD)
    judged(watch, HALF, HALF)
    watch.refused(HALF)
    assert judged(watch, OLD, OLD, HALF, HALF) == ["withdrawn", "nothing", "wait", "try"]


def test_whoever_asks_is_answered_at_once() -> None:
    watch = Watch(OLD)
    assert watch.judge(OLD, at_once=True) == "nothing"
    assert watch.judge(HALF, at_once=True) == "try"
    watch.refused(HALF)
    assert watch.judge(HALF, at_once=True) == "try"
    assert watch.judge(NEW, at_once=True) == "try"
