"""Single processes: how they start, stop and fail, seen from outside."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import aiohttp
import pytest
from processes import SETTINGS, moebridge

from ingest.basic_auth import basic_header

NO_BROKER = {"kafka.bootstrap_servers": "127.0.0.1:9"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_the_front_door_stops_on_a_signal(
    tmp_path: Path, free_port: int, number: signal.Signals
) -> None:
    settings = {**SETTINGS, **NO_BROKER, "ingest.port": str(free_port)}
    async with moebridge("ingest", settings=settings, folder=tmp_path) as ingest:
        await ingest.says(f"listening on http://127.0.0.1:{free_port}")
        ingest.signal(number)
        assert await ingest.ends() == 0
        assert "stopped" in ingest.text


async def test_the_front_door_without_a_broker_is_alive_and_not_ready(
    tmp_path: Path, free_port: int
) -> None:
    settings = {**SETTINGS, **NO_BROKER, "ingest.port": str(free_port)}
    async with moebridge("ingest", settings=settings, folder=tmp_path) as ingest:
        await ingest.says("listening on")
        async with aiohttp.ClientSession(f"http://127.0.0.1:{free_port}") as session:
            statuses = [(await session.get(path)).status for path in ("/healthz", "/readyz", "/metrics")]
        assert statuses == [200, 503, 200]


async def test_a_front_door_with_a_spool_is_ready_without_a_broker_and_alone_in_its_folder(
    tmp_path: Path, free_port: int
) -> None:
    spool = {"ingest.spool_dir": "spool", "ingest.port": str(free_port)}
    settings = {**SETTINGS, **NO_BROKER, **spool}
    async with moebridge("ingest", settings=settings, folder=tmp_path) as ingest:
        await ingest.says("listening on")
        async with (
            aiohttp.ClientSession(f"http://127.0.0.1:{free_port}") as session,
            session.get("/readyz") as ready,
        ):
            assert (ready.status, (await ready.json())["status"]) == (200, "spooling")
        again = {**settings, "ingest.port": "0"}
        async with moebridge("ingest", settings=again, folder=tmp_path) as second:
            assert await second.ends() == 1
            assert "moebridge: ingest.spool_dir: spool is in use by another process" in second.text
            assert "Traceback" not in second.text
        ingest.signal(signal.SIGTERM)
        assert await ingest.ends() == 0


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("ingest", "moebridge: cannot listen on 127.0.0.1:"),
        ("worker", "moebridge: worker.http_port: cannot listen on 127.0.0.1:"),
        ("sandbox", "moebridge: --port: cannot listen on 127.0.0.1:"),
    ],
)
async def test_a_port_in_use_is_one_clear_line(tmp_path: Path, command: str, said: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        settings = {**SETTINGS, **NO_BROKER, "ingest.port": port, "worker.http_port": port}
        arguments = ["sandbox", "--port", port] if command == "sandbox" else [command]
        async with moebridge(*arguments, settings=settings, folder=tmp_path) as process:
            assert await process.ends() == 1
    assert said + port in process.text
    assert "Traceback" not in process.text


async def test_a_worker_without_a_broker_ends_with_one_clear_line(tmp_path: Path) -> None:
    settings = {**SETTINGS, **NO_BROKER, "worker.http_port": "0"}
    async with moebridge("worker", settings=settings, folder=tmp_path) as worker:
        assert await worker.ends() == 1
    assert "moebridge: kafka.bootstrap_servers: no broker at 127.0.0.1:9" in worker.text
    assert "Traceback" not in worker.text
    assert SETTINGS["moengage.api_key"] not in worker.text


async def test_wrong_settings_start_nothing(tmp_path: Path) -> None:
    settings = {**SETTINGS, "delivery.max_elements": "0"}
    async with moebridge("run", settings=settings, folder=tmp_path) as run:
        assert await run.ends() == 2
    assert run.text.startswith("moebridge: delivery.max_elements (MOEBRIDGE_DELIVERY__MAX_ELEMENTS): ")
    assert list(tmp_path.iterdir()) == []


async def test_a_process_stops_with_its_parent(tmp_path: Path, free_port: int) -> None:
    arguments = ("sandbox", "--port", str(free_port), "--stop-with-parent")
    async with moebridge(*arguments, settings={}, folder=tmp_path) as sandbox:
        await sandbox.says(f"MoEngage sandbox at http://127.0.0.1:{free_port}")
        assert sandbox.process.stdin is not None
        sandbox.process.stdin.close()  # as the kernel does when the parent is gone
        assert await sandbox.ends() == 0


async def test_the_sandbox_knows_whom_the_settings_name(tmp_path: Path, free_port: int) -> None:
    async with moebridge(
        "sandbox", "--port", str(free_port), settings=SETTINGS, folder=tmp_path
    ) as sandbox:
        await sandbox.says("for workspace ABC")
        call = f"http://127.0.0.1:{free_port}/v1/customer/ABC"
        body = {"type": "customer", "customer_id": "u-1", "attributes": {}}
        async with aiohttp.ClientSession() as session:
            for key, status in (("api-key", 200), ("another", 401)):
                headers = {"Authorization": basic_header("ABC", key)}
                async with session.post(call, json=body, headers=headers) as response:
                    assert response.status == status
        assert "api-key" not in sandbox.text
