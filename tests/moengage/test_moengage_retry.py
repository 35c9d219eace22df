from __future__ import annotations

import pytest

from moengage.retry import RetryPolicy


@pytest.mark.parametrize("random", [0.0, 0.999])
def test_the_jitter_is_full(random: float) -> None:
    policy = RetryPolicy(base_s=1.0, cap_s=30.0)
    assert policy.backoff_s(3, random) == 4.0 * random


def test_the_back_off_has_a_cap_after_days_too() -> None:
    policy = RetryPolicy(base_s=2.0, cap_s=6.0)
    assert [policy.backoff_s(failures, 0.5) for failures in (1, 2, 3, 5_000)] == [1.0, 2.0, 3.0, 3.0]
