"""``moebridge doctor`` beside real processes, as docs/connect-intercom.md shows it."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from doctored import HUSH, SETTINGS
from processes import Running, moebridge

from intercom.sandbox.app import create_app as intercom_app
from intercom.sandbox.config import SandboxConfig as IntercomSandbox
from moebridge.brokers.ports import free_ports
from moebridge.settings_source import load
from moebridge.site import serving
from moebridge.topic_admin import create_topics
from moebridge.wiring import topic_arguments
from moengage.sandbox.app import create_app as moengage_app
from moengage.sandbox.config import SandboxConfig as MoEngageSandbox

pytestmark = pytest.mark.broker

PAGE = (Path(__file__).parents[2] / "docs/connect-intercom.md").read_text("utf-8")


def shape(text: str) -> str:
    """A report without what differs from run to run: addresses, counts, versions, where lines end."""
    text = " ".join(text.split())
    text = re.sub(r"\bt[0-9a-f]{8}\.", "", text)
    text = re.sub(r"http://[\d.:]+", "URL", text)
    text = re.sub(r"\b[\d.]+:\d+", "SERVER", text)
    text = re.sub(r"\bversion [0-9a-f]{12}", "VERSION", text)
    text = re.sub(r"\b\d+\b", "N", text)
    return re.sub(r"records wait|record waits", "RECORDS", text)


def shown(command: str) -> str:
    """What the page shows that a command prints."""
    [block] = re.findall(rf"```console\n\$ {re.escape(command)}\n(.*?)```", PAGE, flags=re.DOTALL)
    return str(block)


async def ended(process: Running) -> tuple[int, str]:
    """Exit code, and all that it said."""
    return await process.ends(), process.text


async def test_the_doctor_of_a_whole_installation(broker: Any, topic_prefix: str, tmp_path: Path) -> None:
    moengage = moengage_app(MoEngageSandbox("ABC", f"{HUSH}api"))
    intercom = intercom_app(IntercomSandbox(access_token=f"{HUSH}token"))
    ingest_port, worker_port = free_ports(2)
    embedded = ["--embedded-broker"] if broker.kind == "embedded" else []
    async with (
        serving(moengage, "127.0.0.1", 0, "") as moengage_url,
        serving(intercom, "127.0.0.1", 0, "") as intercom_url,
    ):
        settings = {
            **SETTINGS,
            "kafka.bootstrap_servers": broker.bootstrap_servers,
            "kafka.topic_prefix": topic_prefix,
            "moengage.base_url": moengage_url,
            "intercom.base_url": intercom_url,
            "ingest.port": str(ingest_port),
            "worker.http_port": str(worker_port),
            "worker.store": "memory",
            "worker.shutdown_s": "3",
        }
        arguments = topic_arguments(load().settings.changed(settings))
        await create_topics(broker.connection, replication=1, **arguments)
        here = {"settings": settings, "folder": tmp_path}
        async with (
            moebridge("ingest", **here) as ingest,
            moebridge("worker", *embedded, **here, timeout_s=120) as worker,
        ):
            await asyncio.gather(ingest.says("the broker takes records"), worker.says("worker ready"))
            async with moebridge("doctor", **here) as doctor:
                code, text = await ended(doctor)
            assert (code, HUSH in text) == (0, False)
            assert shape(text) == shape(shown("moebridge doctor"))

            wrong = {**settings, "intercom.webhook_secrets": f"{HUSH}other"}
            async with moebridge("doctor", settings=wrong, folder=tmp_path) as doctor:
                code, text = await ended(doctor)
            assert (code, HUSH in text) == (1, False)
            _, piece, _ = shown("moebridge doctor --config other.toml").split("…\n")
            assert shape(piece) in shape(text)

            async with moebridge("doctor", "--json", **here) as doctor:
                code, text = await ended(doctor)
            report = json.loads(text[text.index("{") :])
            assert (code, report["healthy"], HUSH in text) == (0, True, False)
