"""Where a request comes from: proxies that are trusted, addresses that are allowed, requests a second."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from front_door import notification, post_webhook, refusal, send_partner, success
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import SourceNotAllowed, TooOften
from ingest.sources import Gate, SourceRates, client_address, networks

PROXIES = networks(["10.0.0.0/8", "2001:db8:1::/48"])
CLIENT = "198.51.100.7"


@pytest.mark.parametrize(
    ("peer", "headers", "source"),
    [
        (CLIENT, [], CLIENT),
        (CLIENT, ["203.0.113.9"], CLIENT),  # nobody trusted says so
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [CLIENT], CLIENT),
        ("10.0.0.1", [f"203.0.113.9, {CLIENT}"], CLIENT),  # what the client made up stands left
        ("10.0.0.1", ["203.0.113.9", CLIENT], CLIENT),
        ("10.0.0.1", [f"203.0.113.9, {CLIENT}, 10.9.9.9"], CLIENT),
        ("10.0.0.1", ["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
        ("10.0.0.1", [f"{CLIENT}:4711"], CLIENT),
        ("10.0.0.1", ["[2001:db8:2::7]:4711"], "2001:db8:2::7"),
        ("2001:db8:1::1", ["2001:db8:2::7"], "2001:db8:2::7"),
        ("::ffff:10.0.0.1", [f"::ffff:{CLIENT}"], CLIENT),
        ("fe80::1%eth0", [CLIENT], "fe80::1"),
        ("10.0.0.1", [f"{CLIENT}, unknown"], None),
        ("10.0.0.1", [f"{CLIENT},"], None),
        (None, [CLIENT], None),
        ("/run/door.sock", [CLIENT], None),
    ],
)
def test_the_right_most_address_that_is_not_trusted(peer, headers, source):
    found = client_address(peer, headers, PROXIES)
    assert found == (None if source is None else ip_address(source))


@given(st.lists(st.text(max_size=30) | st.sampled_from([CLIENT, "10.0.0.2", ", ,", "::1"]), max_size=5))
def test_whatever_a_client_writes_the_proxy_has_the_last_word(headers):
    assert client_address("10.0.0.1", [*headers, CLIENT], PROXIES) == ip_address(CLIENT)
    assert client_address("10.0.0.1", [",".join([*headers, CLIENT])], PROXIES) == ip_address(CLIENT)
    client_address("10.0.0.1", headers, PROXIES)  # never raises


def test_networks_have_names():
    assert len(networks(["intercom-us", "Intercom-EU", "intercom-au"])) == 12
    assert [str(one) for one in networks(["192.0.2.1", "2001:db8::/32"])] == [
        "192.0.2.1/32",
        "2001:db8::/32",
    ]
    for wrong in ("intercom", "192.0.2.1/24", "example.com"):
        with pytest.raises(ValueError, match=wrong):
            networks(["192.0.2.1", wrong])


def test_intercoms_addresses_pass_and_no_others():
    gate = Gate(allowed=networks(["intercom-eu"]), trusted_proxies=PROXIES, per_second=0)
    gate.admit("54.217.125.63", [], 0)
    gate.admit("10.0.0.1", ["54.216.9.3"], 0)
    for peer, headers in (("34.231.68.152", []), ("10.0.0.1", []), (None, []), (CLIENT, ["54.216.9.3"])):
        with pytest.raises(SourceNotAllowed):
            gate.admit(peer, headers, 0)


def taken(rates: SourceRates, source: str, times: list[float]) -> int:
    count = 0
    for at in times:
        try:
            rates.take(ip_address(source), at)
        except TooOften:
            continue
        count += 1
    return count


@given(st.integers(1, 50), st.lists(st.floats(0, 20), max_size=300))
def test_no_source_gets_more_than_its_rate(per_second, times):
    times.sort()
    rates = SourceRates(per_second)
    count = taken(rates, CLIENT, times)
    assert count <= per_second * (1 + (times[-1] - times[0] if times else 0)) + 1e-6
    assert count >= min(len(times), per_second)


def test_a_steady_sender_at_its_rate_is_never_refused_and_one_source_does_not_spend_anothers():
    rates = SourceRates(10)
    assert taken(rates, CLIENT, [n / 10 for n in range(500)]) == 500
    assert taken(rates, CLIENT, [60.0] * 100) == 10
    assert taken(rates, "198.51.100.8", [60.0] * 100) == 10
    assert taken(rates, "2001:db8::1", [60.0] * 6) == 6
    assert taken(rates, "2001:db8::2", [60.0] * 6) == 4  # the same /64
    assert taken(rates, "2001:db8:0:1::1", [60.0] * 6) == 6


def test_the_table_of_sources_is_bounded_and_the_busy_are_remembered():
    rates = SourceRates(1, max_sources=3)
    assert taken(rates, CLIENT, [0.0, 0.0]) == 1
    for number in range(1, 100):
        assert taken(rates, f"192.0.2.{number}", [0.0]) == 1
        assert taken(rates, CLIENT, [0.0]) == 0
    assert len(rates._buckets) == 3


async def test_a_source_that_is_not_on_the_list_gets_no_further(open_door, publisher):
    door = await open_door(allowed_sources=networks(["192.0.2.1"]))
    for response in (
        await post_webhook(door, notification()),
        await send_partner(door, {"u_fn": "Ada"}),
        await door.head("/intercom/webhooks"),
        await door.get("/wp-login.php"),
    ):
        assert response.status == 403
    await refusal(await post_webhook(door, b"{"), 403, "source_not_allowed")
    assert publisher.taken == []
    for path in ("/healthz", "/readyz", "/metrics"):
        assert (await door.get(path)).status == 200


async def test_a_source_is_who_the_trusted_proxy_says_it_is(open_door):
    door = await open_door(
        allowed_sources=networks(["192.0.2.1"]), trusted_proxies=networks(["127.0.0.0/8"])
    )
    await success(await post_webhook(door, notification(), X_Forwarded_For="203.0.113.9, 192.0.2.1"))
    response = await post_webhook(door, notification(), X_Forwarded_For="192.0.2.1, 203.0.113.9")
    await refusal(response, 403, "source_not_allowed")


async def test_a_source_that_asks_too_often_is_asked_to_come_again(open_door, publisher):
    door = await open_door(
        max_requests_per_source_s=3, trusted_proxies=networks(["127.0.0.1"]), retry_after_s=9
    )
    for n in range(3):
        await success(await post_webhook(door, notification(id=f"{n}"), X_Forwarded_For=CLIENT))
    response = await post_webhook(door, notification(), X_Forwarded_For=CLIENT)
    await refusal(response, 429, "too_often")
    assert response.headers["Retry-After"] == "9"
    await success(await post_webhook(door, notification(), X_Forwarded_For="198.51.100.8"))
    assert len(publisher.taken) == 4
