"""The doctor's questions over HTTP, to the sandboxes of MoEngage and Intercom and to odd front doors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web

from intercom.config import HOSTS, IntercomConfig
from intercom.sandbox.app import create_app as intercom_app
from intercom.sandbox.config import SandboxConfig as IntercomSandbox
from moebridge.configuration_names import naming
from moebridge.doctor.door_probe import Door
from moebridge.doctor.intercom_probe import ask_intercom, other_regions
from moebridge.doctor.intercom_verdict import Silent, intercom_finding
from moebridge.doctor.moengage_probe import ask_moengage, other_data_centers
from moebridge.doctor.moengage_verdict import moengage_finding
from moebridge.site import serving
from moengage.client import MoEngageConfig
from moengage.limits import DATA_CENTERS
from moengage.sandbox.app import create_app as moengage_app
from moengage.sandbox.config import SandboxConfig as MoEngageSandbox

NAMED = naming("default", "default")
KEY = "hush-key"


@asynccontextmanager
async def servers(*apps: web.Application) -> AsyncIterator[list[str]]:
    """Their URLs."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(serving(app, "127.0.0.1", 0, "")) for app in apps]


async def moengage(config: MoEngageConfig, others: dict[str, MoEngageConfig]) -> str:
    """What is found, where the first server answers for data center 01."""
    answer, elsewhere = await ask_moengage(config, others)
    # The finding is that of a data center, whose address the server stands in for.
    finding = moengage_finding(replace(config, base_url=""), answer, elsewhere, NAMED)
    assert "hush" not in f"{finding.text} {finding.remedy}"
    return f"{finding.level}: {finding.text} → {finding.remedy}"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (KEY, "ok: the workspace and its key are known in data center 01"),
        (
            "hush-second",
            "known in data center 02, not in 01 → set moengage.data_center to 02",
        ),
        ("hush-nobodys", "problem: data center 01 refuses the workspace and its key (401"),
    ],
)
async def test_a_wrong_key_is_told_from_a_wrong_data_centre(key: str, expected: str) -> None:
    here, there = (MoEngageSandbox("ABC", one) for one in (KEY, "hush-second"))
    async with servers(moengage_app(here), moengage_app(there)) as (first, second):
        config = MoEngageConfig("ABC", key, "01", first, 5.0)
        others = {"02": replace(config, data_center="02", base_url=second)}
        assert expected in await moengage(config, others)


async def test_the_other_data_centres_are_asked_only_after_a_refusal() -> None:
    asked: list[str] = []

    async def note(_: web.Request) -> web.Response:
        asked.append("other")
        return web.json_response({})

    other = web.Application()
    other.router.add_post("/v1/integrations/authentication", note)
    async with servers(moengage_app(MoEngageSandbox("ABC", KEY)), other) as (first, second):
        config = MoEngageConfig("ABC", KEY, "01", first, 5.0)
        others = {"02": replace(config, base_url=second)}
        await ask_moengage(config, others)
        assert asked == []
        await ask_moengage(replace(config, api_key="hush-wrong"), others)
        assert asked == ["other"]


def test_who_else_is_asked() -> None:
    config = MoEngageConfig("ABC", KEY, "02")
    assert other_data_centers(config).keys() == set(DATA_CENTERS) - {"02"}
    assert other_data_centers(replace(config, base_url="http://127.0.0.1:9")) == {}
    asking = IntercomConfig(KEY, "eu")
    assert {region: one.url("") for region, one in other_regions(asking).items()} == {
        "us": HOSTS["us"],
        "au": HOSTS["au"],
    }
    assert other_regions(replace(asking, base_url="http://127.0.0.1:9")) == {}


@pytest.mark.parametrize(
    ("token", "hosted", "expected"),
    [
        (KEY, "US", "ok: the token is that of workspace ws9, in region us"),
        # Intercom may answer at any region's host, and tells which one it is.
        (KEY, "EU", "region eu hosts, not us → set intercom.region to eu"),
        ("hush-second", "US", "region au hosts, not us → set intercom.region to au"),
        ("hush-nobodys", "US", "problem: region us does not let us in: check the token"),
    ],
)
async def test_a_wrong_token_is_told_from_a_wrong_region(token: str, hosted: str, expected: str) -> None:
    here = IntercomSandbox(access_token=KEY, workspace_id="ws9", region=hosted)
    there = IntercomSandbox(access_token="hush-second", workspace_id="ws9", region="AU")
    async with servers(intercom_app(here), intercom_app(there)) as (first, second):
        config = IntercomConfig(token, "us", first)
        others = {"au": replace(config, region="au", base_url=second)}
        told, elsewhere = await ask_intercom(config, others)
    finding = intercom_finding(replace(config, base_url=""), told, elsewhere, NAMED)
    said = f"{finding.level}: {finding.text} → {finding.remedy}"
    assert expected in said
    assert "hush" not in said


async def test_nobody_there(free_port: int) -> None:
    nowhere = f"http://127.0.0.1:{free_port}"
    told, _ = await ask_intercom(IntercomConfig(KEY, base_url=nowhere), {})
    assert isinstance(told, Silent)
    assert "no answer from data center 01" in await moengage(MoEngageConfig("A", KEY, "01", nowhere), {})


async def test_a_front_door_that_never_answers() -> None:
    answered = asyncio.Event()

    async def never(_: web.Request) -> web.Response:
        await answered.wait()
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", never)
    async with servers(app) as [url], aiohttp.ClientSession() as session:
        health = await Door(session, url, timeout_s=0.05).health()
        answered.set()
    assert str(health.webhooks) == "no answer within 0.05 s"


async def test_an_answer_of_somebody_else_has_no_name() -> None:
    async def page(_: web.Request) -> web.Response:
        return web.json_response({"name": "<b>hush</b>"}, status=404)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", page)
    async with servers(app) as [url], aiohttp.ClientSession() as session:
        reply = await Door(session, url, timeout_s=5).connector("ws", KEY, "default")
    assert str(reply) == "404"
