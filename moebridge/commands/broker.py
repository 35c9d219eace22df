"""``moebridge broker``: a broker in the foreground, for machines without a container engine."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

import click

from moebridge import logs
from moebridge.brokers.apache_kafka import ApacheKafka
from moebridge.brokers.embedded import EmbeddedBroker
from moebridge.commands.options import debug_option
from moebridge.stopping import stop_on_signals


@click.command()
@click.option(
    "--kind",
    type=click.Choice(["embedded", "kafka"]),
    default="embedded",
    show_default=True,
    help="embedded: one small binary. kafka: Apache Kafka, with this machine's Java and Maven.",
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of its data.  [default: .moebridge/broker-KIND]",
)
@click.option("--port", type=click.IntRange(1, 65535), help="embedded: the port; else a free one.")
@click.option(
    "--brokers", type=click.Choice(["1", "3"]), default="1", show_default=True, help="kafka: how many."
)
@debug_option
def broker(
    kind: Literal["embedded", "kafka"],
    data_dir: Path | None,
    port: int | None,
    brokers: str,
) -> None:
    """Run a broker, for trying things out.

    For machines without a container engine; never for production. Prints its address.
    """
    folder = data_dir or Path(".moebridge") / f"broker-{kind}"
    if kind == "kafka" and port is not None:
        raise click.UsageError("--port: the embedded broker's alone; Apache Kafka takes free ports")
    logs.set_up("info", "text", "broker")
    server: EmbeddedBroker | ApacheKafka
    if kind == "embedded":
        server = EmbeddedBroker(folder, port)
    else:
        server = ApacheKafka(folder, 1 if brokers == "1" else 3)
    asyncio.run(_run(server))


async def _run(server: EmbeddedBroker | ApacheKafka) -> None:
    with stop_on_signals() as stop:
        async with server:
            click.echo(f"MOEBRIDGE_KAFKA__BOOTSTRAP_SERVERS={server.bootstrap_servers}")
            if isinstance(server, EmbeddedBroker):
                click.echo("its workers need the option --embedded-broker", err=True)
            await stop.wait()
