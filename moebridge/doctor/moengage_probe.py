"""Asking MoEngage whether workspace and key are known, here and in the other data centres."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace

from moengage.answers import Answer, Verdict
from moengage.client import MoEngageClient, MoEngageConfig
from moengage.limits import DATA_CENTERS
from moengage.transport import AiohttpTransport


def other_data_centers(config: MoEngageConfig) -> dict[str, MoEngageConfig]:
    """The same credentials in each other data centre; none where ``base_url`` names a server."""
    if config.base_url:
        return {}
    others = (name for name in DATA_CENTERS if name != config.data_center)
    return {name: replace(config, data_center=name) for name in others}


async def ask_moengage(
    config: MoEngageConfig, others: Mapping[str, MoEngageConfig]
) -> tuple[Answer, dict[str, Answer]]:
    """The answer, and where it is a refusal, those of ``others``, who are all MoEngage's."""
    transport = AiohttpTransport()
    try:
        answer = await _ask(config, transport)
        if answer.verdict is not Verdict.PAUSE:
            return answer, {}
        answers = await asyncio.gather(*(_ask(other, transport) for other in others.values()))
        return answer, dict(zip(others, answers, strict=True))
    finally:
        await transport.close()


async def _ask(config: MoEngageConfig, transport: AiohttpTransport) -> Answer:
    return await MoEngageClient(config, transport, time.time).test_connection()
