"""Where a request comes from, whether it may come from there, and whether so often. Pure.

A request comes from the other end of its connection, unless that is a trusted proxy: then from whom the
proxy names in X-Forwarded-For, which is read from the right and no further than trust goes. What stands
left of the first address that is not trusted was written by whoever sent it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import NamedTuple

from ingest.errors import SourceNotAllowed, TooOften

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

FORWARDED_FOR = "X-Forwarded-For"

#: Where webhooks and data connectors come from, by the region that hosts the workspace (source: Intercom,
#: "Custom Actions security and best practices" and "Webhook notifications", read November 2026).
INTERCOM = {
    "intercom-us": (
        *("34.231.68.152", "34.197.76.213", "35.171.78.91"),
        *("35.169.138.21", "52.70.27.159", "52.44.63.161"),
    ),
    "intercom-eu": ("54.217.125.63", "54.246.173.113", "54.216.9.3"),
    "intercom-au": ("52.63.36.185", "3.104.68.152", "52.64.2.165"),
}

#: Sources that are remembered; of more, those are forgotten that have been silent for longest.
MAX_SOURCES = 10_000
#: Of IPv6, one subscriber has a /64, so that is one source.
_IPV6_SOURCE_BITS = 64


def networks(names: Iterable[str]) -> tuple[Network, ...]:
    """Networks of addresses, CIDR blocks and the names in INTERCOM. Raises ValueError for another."""
    found: list[Network] = []
    for name in names:
        try:
            found += [ip_network(one) for one in INTERCOM.get(name.lower(), (name,))]
        except ValueError:
            raise ValueError(
                f"{name!r} is no address, CIDR block or one of {', '.join(INTERCOM)}"
            ) from None
    return tuple(found)


def client_address(
    peer: str | None, forwarded_for: Iterable[str], trusted: Iterable[Network]
) -> Address | None:
    """Who sent a request: ``peer``, or the right-most address of the headers that is not trusted.

    ``forwarded_for`` are the header's values in the order in which they stand. None where it cannot be
    told: the peer has no address, or a trusted proxy names something that is none.
    """
    address = _address(peer or "")
    steps = _from_the_right(list(forwarded_for))
    while address is not None and _within(address, trusted):
        named = next(steps, None)
        if named is None:
            break
        address = _address(named)
    return address


class _Bucket(NamedTuple):
    tokens: float
    at: float


class SourceRates:
    """A token bucket for every source: ``per_second`` requests, and as many at once. 0: no limit."""

    def __init__(self, per_second: int, max_sources: int = MAX_SOURCES) -> None:
        self._per_second = per_second
        self._max_sources = max_sources
        self._buckets: OrderedDict[Address | None, _Bucket] = OrderedDict()

    def take(self, source: Address | None, now: float) -> None:
        """Count a request at the time ``now``, in seconds. Raises TooOften."""
        if not self._per_second:
            return
        source = _subscriber(source)
        bucket = self._buckets.pop(source, None) or _Bucket(float(self._per_second), now)
        tokens = min(self._per_second, bucket.tokens + (now - bucket.at) * self._per_second)
        taken = tokens >= 1
        self._buckets[source] = _Bucket(tokens - taken, now)
        if len(self._buckets) > self._max_sources:
            self._buckets.popitem(last=False)
        if not taken:
            raise TooOften("The event was not taken: too many requests a second. Send it again later.")


class Gate:
    """What a request's source has to pass before anything else of the request is looked at."""

    def __init__(
        self, *, allowed: Iterable[Network], trusted_proxies: Iterable[Network], per_second: int
    ) -> None:
        self._allowed = tuple(allowed)
        self._trusted = tuple(trusted_proxies)
        self._rates = SourceRates(per_second)

    def admit(self, peer: str | None, forwarded_for: Iterable[str], now: float) -> None:
        """Raises SourceNotAllowed where there is a list and the source is not on it, and TooOften."""
        source = client_address(peer, forwarded_for, self._trusted)
        if self._allowed and (source is None or not _within(source, self._allowed)):
            raise SourceNotAllowed("Requests from this address are not taken.")
        self._rates.take(source, now)


@lru_cache(maxsize=4096)
def _address(text: str) -> Address | None:
    """The address in ``192.0.2.1``, ``192.0.2.1:80``, ``2001:db8::1`` or ``[2001:db8::1]:80``."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _from_the_right(headers: list[str]) -> Iterator[str]:
    for header in reversed(headers):
        rest = header
        while rest:
            rest, _, item = rest.rpartition(",")
            yield item


def _within(address: Address, of: Iterable[Network]) -> bool:
    return any(address in network for network in of)


def _subscriber(source: Address | None) -> Address | None:
    if not isinstance(source, IPv6Address):
        return source
    shift = source.max_prefixlen - _IPV6_SOURCE_BITS
    return IPv6Address(int(source) >> shift << shift)
