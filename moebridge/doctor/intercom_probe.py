"""Asking Intercom whose token it is, here and in the other regions."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import replace

from intercom.client import IntercomClient, RetryPolicy
from intercom.config import HOSTS, IntercomConfig
from intercom.errors import IntercomError, IntercomRefused
from intercom.transport import AiohttpTransport
from moebridge.doctor.intercom_verdict import Refused, Silent, Told, Workspace


def other_regions(config: IntercomConfig) -> dict[str, IntercomConfig]:
    """The same token in each other region; none where ``base_url`` names a server."""
    if config.base_url:
        return {}
    return {region: replace(config, region=region) for region in HOSTS if region != config.region}


async def ask_intercom(
    config: IntercomConfig, others: Mapping[str, IntercomConfig]
) -> tuple[Told, dict[str, Told]]:
    """What is told, and where that is a refusal, what ``others`` tell, who are all Intercom's."""
    transport = AiohttpTransport()
    try:
        told = await _ask(config, transport)
        if not isinstance(told, Refused):
            return told, {}
        answers = await asyncio.gather(*(_ask(other, transport) for other in others.values()))
        return told, dict(zip(others, answers, strict=True))
    finally:
        await transport.close()


async def _ask(config: IntercomConfig, transport: AiohttpTransport) -> Told:
    client = IntercomClient(
        config,
        transport,
        clock=time.time,
        sleep=asyncio.sleep,
        random=random.random,
        policy=RetryPolicy(attempts=1, patience_s=config.timeout_s),
    )
    try:
        app = (await client.me()).get("app")
    except IntercomRefused as error:
        return Refused(error.setting, error.problem)
    except IntercomError as error:
        return Silent(str(error))
    app = app if isinstance(app, dict) else {}
    return Workspace(_text(app.get("id_code")), _text(app.get("region")).lower())


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
