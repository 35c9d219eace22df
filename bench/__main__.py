"""The command line of the benchmarks."""

from __future__ import annotations

import asyncio
import json
import logging
import shlex
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click
from rich.console import Console

from bench import machine, report
from bench.broker import Broker
from bench.plan import JOBS, MAPPING, MESSAGES, QUICK_MESSAGES, ROUNDS, BenchFailed
from bench.rounds import Plan, Rounds, Sample, map_alone
from moebridge.brokers.apache_kafka import ApacheKafka
from moebridge.brokers.kafka_jars import kafka_version
from moebridge.errors import BrokerError


@click.command(context_settings={"max_content_width": 100})
@click.option("--quick", is_flag=True, help="Few messages, one round: to see that it works.")
@click.option("--only", default=",".join(JOBS), show_default=True, help="Jobs, separated by commas.")
@click.option("--rounds", type=click.IntRange(1), help=f"Rounds of each job.  [default: {ROUNDS}]")
@click.option("--messages", type=click.IntRange(100), help="Messages a round, the same for every job.")
@click.option("--keys", type=click.IntRange(1), default=1_000, show_default=True, help="Distinct keys.")
@click.option("--bootstrap", metavar="HOST:PORT", help="A broker that runs, instead of one of our own.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write every sample here.")
def main(
    quick: bool,
    only: str,
    rounds: int | None,
    messages: int | None,
    keys: int,
    bootstrap: str | None,
    json_file: Path | None,
) -> None:
    """Measure moebridge beside plain Faust and Quix Streams, one after the other, on Apache Kafka."""
    jobs = [job.strip() for job in only.split(",")]
    for job in jobs:
        if job not in JOBS:
            raise click.BadParameter(f"{job!r} is none of {', '.join(JOBS)}", param_hint="--only")
    defaults = QUICK_MESSAGES if quick else MESSAGES
    plan = Plan(
        {job: messages or defaults[job] for job in JOBS if job in jobs},
        rounds or (1 if quick else ROUNDS),
        keys,
    )
    # aiokafka reports what it asks again a moment later; what stays wrong fails the run.
    logging.basicConfig(level=logging.CRITICAL)
    console = Console(highlight=False)
    console.width = max(console.width, 128)  # a narrower table would lose its figures
    try:
        asyncio.run(_run(plan, bootstrap, console, json_file))
    except (BenchFailed, BrokerError) as error:
        raise click.ClickException(str(error)) from None


async def _run(plan: Plan, bootstrap: str | None, console: Console, json_file: Path | None) -> None:
    began = time.monotonic()
    command = shlex.join(["python", "-m", "bench", *sys.argv[1:]])
    samples: list[Sample] = []
    with console.status("starting") as status:
        facts = machine.facts("none")
        if MAPPING in plan.messages:
            samples += await map_alone(plan, status.update)
        if plan.messages.keys() - {MAPPING}:
            status.update("starting the broker")
            async with _broker(bootstrap) as (servers, facts["broker"]):
                samples += await Rounds(plan, Broker(servers), status.update).all()
    facts["load after"] = machine.load()
    facts["took"] = f"{time.monotonic() - began:.0f} s"
    console.print(f"[bold]{command}[/bold]")
    for name, value in facts.items():
        console.print(f"  {name}: {value}", soft_wrap=True)
    console.print()
    report.show(console, samples)
    if plan.rounds < ROUNDS:
        console.print("Fewer rounds than by default: these figures show that it works, and no more.")
    if json_file is not None:
        written = json.dumps(report.document(samples, facts, command), indent=1) + "\n"
        await asyncio.to_thread(json_file.write_text, written)


@asynccontextmanager
async def _broker(bootstrap: str | None) -> AsyncIterator[tuple[str, str]]:
    """Address and description of the broker."""
    if bootstrap is not None:
        yield bootstrap, f"at {bootstrap}"
        return
    with tempfile.TemporaryDirectory(prefix="moebridge-bench-broker-") as folder:
        async with ApacheKafka(Path(folder)) as kafka:
            yield kafka.bootstrap_servers, f"Apache Kafka {kafka_version()}, one broker, same machine"


if __name__ == "__main__":
    main()
