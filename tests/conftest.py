"""What tests share: brokers that are started once a session, prefixes, samples, ports."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import uuid
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, settings

from moebridge.brokers.apache_kafka import ApacheKafka
from moebridge.brokers.embedded import EmbeddedBroker
from moebridge.brokers.ports import free_ports

# A shell starts jobs in the background with SIGINT ignored, nohup with SIGHUP; processes that tests start
# would inherit that, and not hear the signals that tests send.
for _number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(
            _number,
            signal.default_int_handler if _number is signal.SIGINT else signal.SIG_DFL,
        )

# How long an example takes says nothing on a machine that is busy; speed lives in bench/.
settings.register_profile("moebridge", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("moebridge")

_CHECKOUT = Path(__file__).parents[1]


@dataclass(frozen=True)
class RunningBroker:
    """A broker for tests. ``server`` can be stopped and started; it belongs to no event loop."""

    kind: Literal["embedded", "kafka"]
    server: EmbeddedBroker | ApacheKafka

    @property
    def bootstrap_servers(self) -> str:
        return self.server.bootstrap_servers

    @property
    def connection(self) -> dict[str, Any]:
        """Keyword arguments of aiokafka's clients."""
        return {"bootstrap_servers": self.bootstrap_servers}


@pytest.fixture(scope="session")
def broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningBroker]:
    """The broker of tests marked ``broker``: $MOEBRIDGE_TEST_BROKER, embedded (default) or kafka."""
    kind = os.environ.get("MOEBRIDGE_TEST_BROKER", "embedded")
    if kind == "kafka":
        yield request.getfixturevalue("kafka_broker")
    elif kind == "embedded":
        with _running("embedded", EmbeddedBroker(tmp_path_factory.mktemp("embedded-broker"))) as running:
            yield running
    else:
        pytest.fail(f"MOEBRIDGE_TEST_BROKER is {kind!r}: expected embedded or kafka")


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    """One Apache Kafka broker, for tests marked ``kafka``."""
    with _running("kafka", ApacheKafka(tmp_path_factory.mktemp("kafka-broker"))) as running:
        yield running


@pytest.fixture(autouse=True)
def _leaks_show_where_they_arise(request: pytest.FixtureRequest) -> Iterator[None]:
    """Collect garbage after a broker test: a connection left open fails it, and no other one later."""
    yield
    if request.node.get_closest_marker("broker"):
        gc.collect()


@pytest.fixture
def topic_prefix() -> str:
    """A prefix that no other test has; it ends in a dot."""
    return f"t{uuid.uuid4().hex[:8]}."


@pytest.fixture(scope="session")
def samples_dir() -> Path:
    """The folder of captured webhook payloads, which are not part of the project; skips without it."""
    named = os.environ.get("MOEBRIDGE_SAMPLES")
    folder = Path(named) if named else _CHECKOUT.parent / "shared" / "samples" / "webhooks"
    if not folder.is_dir():
        pytest.skip("no captured payloads here (MOEBRIDGE_SAMPLES names their folder)")
    return folder


@pytest.fixture
def free_port() -> int:
    """A TCP port of 127.0.0.1 on which nothing listens."""
    [port] = free_ports(1)
    return port


@contextmanager
def _running(
    kind: Literal["embedded", "kafka"], server: EmbeddedBroker | ApacheKafka
) -> Iterator[RunningBroker]:
    _run(server.start())
    try:
        yield RunningBroker(kind, server)
    finally:
        _run(server.stop())


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run in a loop of its own, in a thread of its own: pytest-asyncio's loops stay untouched."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()
