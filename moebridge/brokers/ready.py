"""Waiting until a broker answers."""

from __future__ import annotations

import asyncio

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from moebridge.brokers.process import BrokerProcess

_PAUSE_S = 0.02


async def wait_until_ready(process: BrokerProcess, port: int, *, brokers: int, timeout_s: float) -> None:
    """Wait until the broker on this loopback port knows a controller and ``brokers`` live brokers.

    Raises BrokerStartFailed once the process has ended, or when ``timeout_s`` seconds have passed.
    """
    try:
        async with asyncio.timeout(timeout_s):
            while not await _answers(port, brokers):
                process.check_alive()
                await asyncio.sleep(_PAUSE_S)
    except TimeoutError:
        raise process.not_ready(timeout_s) from None
    # What answered may be another program on the same port.
    process.check_alive()


async def _answers(port: int, brokers: int) -> bool:
    try:
        # aiokafka would log every refused connection as an error.
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    client = AIOKafkaClient(bootstrap_servers=f"127.0.0.1:{port}", request_timeout_ms=5_000)
    try:
        await client.bootstrap()
        return client.cluster.controller is not None and len(client.cluster.brokers()) >= brokers
    except (KafkaError, OSError):
        return False
    finally:
        await client.close()
