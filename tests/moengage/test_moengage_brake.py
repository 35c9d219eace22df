"""The brake: a few refusals are dead letters, many stop delivery until something is taken again."""

from __future__ import annotations

from random import Random

import pytest

from moengage.brake import Brake, BrakeLimits


def test_so_many_in_a_row() -> None:
    brake = Brake(BrakeLimits(run=3, rest_s=60))
    assert [brake.refused(0.0), brake.refused(0.0)] == [False, False]
    brake.accepted(1)
    assert [brake.refused(float(at)) for at in range(3)] == [False, False, True]
    assert brake.tries_at == 62.0


def test_so_large_a_part_of_all() -> None:
    brake = Brake(BrakeLimits(run=10, share=0.5))
    applied = []
    for _ in range(30):
        applied += [brake.refused(0.0), brake.refused(0.0)]
        brake.accepted(1)
    assert applied.index(True) == 26  # of 40 elements, 27 were refused


@pytest.mark.parametrize("poison", [0.02, 0.1])
def test_a_little_poison_never_applies_it(poison: float) -> None:
    random, brake = Random(7), Brake(BrakeLimits())
    for _ in range(50_000):
        if random.random() < poison:
            assert not brake.refused(0.0)
        else:
            brake.accepted(1)


def test_while_it_is_applied_every_refusal_is_kept_and_rests_anew() -> None:
    brake = Brake(BrakeLimits(run=1, rest_s=60))
    assert brake.refused(0.0)
    assert brake.refused(60.0)
    assert brake.tries_at == 120.0
    brake.accepted(1)
    assert brake.tries_at is None


def test_old_times_do_not_count_against_a_new_beginning() -> None:
    brake = Brake(BrakeLimits(run=4, share=0.5))
    for _ in range(4):
        brake.refused(0.0)
    brake.accepted(1)
    assert [brake.refused(0.0) for _ in range(3)] == [False] * 3


def test_a_bad_hour_is_forgotten_after_some_thousand_good_ones() -> None:
    brake = Brake(BrakeLimits(run=300, share=0.1))
    for _ in range(250):
        brake.refused(0.0)
    for _ in range(4000):
        brake.accepted(1)
    assert [brake.refused(0.0) for _ in range(100)] == [False] * 100


def test_it_can_be_off() -> None:
    brake = Brake(BrakeLimits(run=0))
    assert not any(brake.refused(0.0) for _ in range(1000))
