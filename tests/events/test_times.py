"""Times, as the two systems write them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from events.times import iso_utc, parse_ms

FROM, TO = 1_262_304_000_000, 2_524_608_000_000  # 2010 to 2050
moments = st.integers(FROM, TO)


@pytest.mark.parametrize(
    ("written", "ms"),
    [
        ("2026-01-10T04:11:34.013+00:00", 1_768_018_294_013),
        ("2026-01-10T04:11:34.013Z", 1_768_018_294_013),
        ("2026-01-10T04:11:34Z", 1_768_018_294_000),
        ("2026-01-10T06:11:34+02:00", 1_768_018_294_000),
        ("2026-01-10T04:11:34", 1_768_018_294_000),  # no zone: UTC
        ("2026-01-10", 1_768_003_200_000),
        (1_768_018_294, 1_768_018_294_000),
        (1_768_018_294.5, 1_768_018_294_500),
        (1_768_018_294_013, 1_768_018_294_013),
        ("1768018294", 1_768_018_294_000),
        ("1768018294.5", 1_768_018_294_500),
        ("1768018294013", 1_768_018_294_013),
    ],
)
def test_every_form_is_read(written: Any, ms: int) -> None:
    assert parse_ms(written) == ms


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_tokyo")
def test_a_time_without_a_zone_is_utc_wherever_we_run() -> None:
    assert parse_ms("2026-01-10T04:11:34") == 1_768_018_294_000
    assert iso_utc(1_768_018_294_000) == "2026-01-10T04:11:34Z"


@pytest.mark.parametrize(
    "garbage",
    [
        None, True, False, "", " ", "soon", "2026-13-01", "2026-01-10T25:00:00Z", "0000-00-00",
        0, -1, float("nan"), float("inf"), 10**30, "nan", "inf", "-5", "9" * 400, [], {}, [1],
    ],
)  # fmt: skip
def test_what_is_no_time_is_none(garbage: Any) -> None:
    assert parse_ms(garbage) is None


@given(moments)
@settings(deadline=None)
def test_iso_comes_back_to_the_millisecond(ms: int) -> None:
    text = datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
    assert parse_ms(text) == parse_ms(text.replace("+00:00", "Z")) == ms


@given(moments)
@example(1_764_012_312_345)  # reads as 23 January 1764, 23:45, to a lenient reader of ISO 8601
@settings(deadline=None)
def test_a_number_as_a_string_is_the_number(ms: int) -> None:
    assert parse_ms(str(ms)) == parse_ms(ms) == ms
    assert parse_ms(str(ms // 1000)) == parse_ms(ms // 1000) == ms // 1000 * 1000


@given(moments)
@example(2_195_147_857_864)
@settings(deadline=None)
def test_seconds_with_a_fraction_keep_their_milliseconds(ms: int) -> None:
    assert parse_ms(ms / 1000) == parse_ms(f"{ms // 1000}.{ms % 1000:03}") == ms


@given(st.text(max_size=30) | st.floats() | st.integers())
@settings(deadline=None)
def test_nothing_raises(value: Any) -> None:
    assert isinstance(parse_ms(value), int | None)


@given(moments)
@settings(deadline=None)
def test_what_is_written_for_moengage_can_be_read(ms: int) -> None:
    written = iso_utc(ms)
    assert written[-1] == "Z"
    assert len(written) == 20
    assert parse_ms(written) == ms // 1000 * 1000
