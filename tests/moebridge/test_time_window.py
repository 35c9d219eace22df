"""Windows of time as options say them."""

from __future__ import annotations

import pytest

from moebridge.time_window import ALWAYS, TimeWindow, time_window

NOW_MS = 1_790_000_000_000


@pytest.mark.parametrize(
    ("given", "window"),
    [
        ((None, None, None), ALWAYS),
        (("2026-01-10T09:00:00Z", None, None), TimeWindow(1_768_035_600_000)),
        (("2026-01-10T09:00", "2026-01-10T11:00:00+01:00", None),
         TimeWindow(1_768_035_600_000, 1_768_039_200_000)),
        ((None, "2026-01-10", None), TimeWindow(None, 1_768_003_200_000)),
        ((None, None, "P1DT2H"), TimeWindow(NOW_MS - 26 * 3_600_000)),
        ((None, None, "PT1.5S"), TimeWindow(NOW_MS - 1500)),
    ],
)  # fmt: skip
def test_windows(given: tuple[str | None, str | None, str | None], window: TimeWindow) -> None:
    assert time_window(*given, now_ms=NOW_MS) == window


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("yesterday", None, None), "--from-datetime: expected a time such as"),
        ((None, "1768035600", None), "--to-datetime: expected a time such as"),
        (("2026-01-10", "2026-01-10", None), "--to-datetime: must be after"),
        ((None, None, "2h"), "--by-duration: expected a duration such as"),
        ((None, None, "P"), "--by-duration: expected"),
        ((None, None, "PT0S"), "--by-duration: expected"),
        ((None, None, "-P1D"), "--by-duration: expected"),
        (("2026-01-10", None, "P1D"), "--by-duration: not beside"),
    ],
)
def test_what_is_no_window(given: tuple[str | None, str | None, str | None], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        time_window(*given, now_ms=NOW_MS)


def test_the_first_moment_is_in_it_and_the_last_is_not() -> None:
    window = TimeWindow(5, 7)
    assert [moment in window for moment in (4, 5, 6, 7)] == [False, True, True, False]
