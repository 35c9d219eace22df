"""The Faust app: which topics, tables and agents there are, and how Faust is set.

Faust gives group membership, assignment, tables with changelogs and recovery. What reads, publishes
and acknowledges is ours (streams.transport, streams.runner). Settings that differ from Faust's
defaults say why.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import faust
from faust.auth import Credentials, SASLCredentials, SSLCredentials

from events.topics import TopicName, topic_name
from streams.chunks import Chunk
from streams.transport import SCHEME, ChunkSchema, register

StoreKind = Literal["rocksdb", "memory"]

#: A worker that polls less often leaves its group; Faust's default. Faust polls for partitions that have
#: room alone, so a worker whose lanes all wait for MoEngage would leave. The transport polls for it
#: (streams.consumer_thread.keep_polling): this is how long the event loop may be blocked.
MAX_POLL_INTERVAL_S = 1000.0

#: How long a rebalance waits for a member beyond the work in hand that it finishes, in seconds. Whoever
#: has not joined by then is cast out, and what it did meanwhile is done twice.
JOIN_S = 20.0


@dataclass(frozen=True, slots=True)
class AppConfig:
    """What the Faust app needs. Times in seconds.

    ``security`` holds aiokafka's keyword arguments for TLS and SASL, none for neither.
    """

    app_id: str
    bootstrap_servers: str
    data_dir: Path
    prefix: str = ""
    store: StoreKind = "rocksdb"
    chunk_records: int = 500
    poll_linger_s: float = 0.01
    session_timeout_s: float = 10.0
    instance_id: str | None = None
    security: Mapping[str, Any] = field(default_factory=dict, repr=False)


def rebalance_s(shutdown_s: float) -> float:
    """How long a rebalance may take, where work in hand may take ``shutdown_s``."""
    return shutdown_s + JOIN_S


def make_app(config: AppConfig, shutdown_s: float = 10.0) -> faust.App:
    """A Faust app without topics, tables or agents. ``shutdown_s``: what a rebalance waits for work."""
    register()
    brokers = ";".join(f"{SCHEME}://{server.strip()}" for server in config.bootstrap_servers.split(","))
    return faust.App(
        config.app_id,
        broker=brokers,
        broker_credentials=_credentials(config.security),
        store=f"{config.store}://",
        datadir=str(config.data_dir),
        autodiscover=False,
        web_enabled=False,
        # Workers on one machine must not look alike to the assignor, which tells them apart by URL.
        canonical_url=f"http://{uuid.uuid4()}.invalid",
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=config.instance_id,
        broker_max_poll_records=config.chunk_records,
        broker_max_poll_interval=MAX_POLL_INTERVAL_S,
        broker_session_timeout=config.session_timeout_s,
        broker_heartbeat_interval=config.session_timeout_s / 4,
        broker_rebalance_timeout=rebalance_s(shutdown_s),
        # A join is answered when all have joined, so it may take a whole rebalance.
        broker_request_timeout=max(40.0, config.session_timeout_s + 5, rebalance_s(shutdown_s) + 5),
        # Topics are created and checked by the command line, with what the catalogue says.
        topic_allow_declare=False,
        topic_disable_leader=True,
        reply_create_topic=False,
        # A standby may miss records around a rebalance, and its store would not know; rows are rebuilt
        # from the changelog instead.
        table_standby_replicas=0,
        stream_recovery_delay=0.0,
        stream_wait_empty=True,
    )


def _credentials(security: Mapping[str, Any]) -> Credentials | None:
    """The same as Faust wants it for its clients."""
    protocol = security.get("security_protocol", "")
    if protocol.startswith("SASL_"):
        return SASLCredentials(
            username=security["sasl_plain_username"],
            password=security["sasl_plain_password"],
            mechanism=security["sasl_mechanism"],
            ssl_context=security.get("ssl_context"),
        )
    return SSLCredentials(security["ssl_context"]) if protocol == "SSL" else None


Handler = Callable[[Chunk], Awaitable[None]]


def add_agent(
    app: faust.App, name: str, source: TopicName, prefix: str, handle: Handler,
    fail: Callable[[BaseException], Awaitable[None]],
) -> None:  # fmt: skip
    """One agent that reads ``source`` chunk by chunk.

    An exception in ``handle`` is told to ``fail`` and the agent never goes on: Faust would restart it
    and read past the chunk.
    """
    topic = app.topic(topic_name(source, prefix), schema=ChunkSchema())

    async def stage(stream: AsyncIterable[Any]) -> None:
        async for chunk in stream:
            try:
                await handle(chunk)
            except Exception as error:  # noqa: BLE001  # everything stops the worker
                await fail(error)

    stage.__name__ = name
    app.agent(topic, name=name)(stage)
