"""Several configurations behind one front door: a signature tells which, or a name with credentials."""

from __future__ import annotations

import pytest
from front_door import (
    DATA_KEY,
    FORMER_SECRET,
    NOW_MS,
    SECRET,
    WORKSPACE,
    config,
    notification,
    post_webhook,
    refusal,
    send_partner,
    success,
)

from ingest.basic_auth import basic_header
from ingest.config import Senders
from ingest.errors import InvalidConfig

BODY = {"intercom_id": "c-1", "u_fn": "Ada", "modified_at": NOW_MS // 1000 - 60}
EU = Senders(
    "eu", ("secret-of-eu", "secret-of-eu-before"), ((WORKSPACE, "eu-new"), (WORKSPACE, "eu-old"))
)
AU = Senders("au", (), (("ws-au", DATA_KEY),))


@pytest.fixture
async def door(open_door):
    return await open_door(others=(EU, AU))


@pytest.mark.parametrize(
    ("secret", "name"),
    [
        (SECRET, "default"),
        (FORMER_SECRET, "default"),
        ("secret-of-eu", "eu"),
        ("secret-of-eu-before", "eu"),
    ],
)
async def test_a_webhook_belongs_to_whose_secret_signed_it(door, publisher, secret, name):
    await success(await post_webhook(door, notification(), secret))
    assert [envelope.config for envelope, _ in publisher.taken] == [name]


async def test_a_secret_that_was_taken_out_signs_no_more(open_door):
    door = await open_door(others=(Senders("eu", ("secret-of-eu",)),))
    await success(await post_webhook(door, notification(), "secret-of-eu"))
    response = await post_webhook(door, notification(), "secret-of-eu-before")
    await refusal(response, 401, "signature_wrong")


@pytest.mark.parametrize(
    ("query", "key", "name"),
    [
        ("", DATA_KEY, "default"),
        ("?configName=default", DATA_KEY, "default"),
        ("?configName=Default", DATA_KEY, "default"),
        ("?configName=eu", "eu-new", "eu"),
        ("?configName=EU", "eu-old", "eu"),
    ],
)
async def test_a_connectors_body_belongs_to_the_name_in_its_url(door, publisher, query, key, name):
    await success(await send_partner(door, BODY, query=query, key=key))
    [(envelope, _)] = publisher.taken
    assert (envelope.config, envelope.workspace) == (name, WORKSPACE)


@pytest.mark.parametrize(
    ("query", "key"),
    [
        ("?configName=eu", DATA_KEY),
        ("?configName=au", DATA_KEY),  # the key is right, the workspace is not
        ("?configName=default", "eu-new"),
        ("", "eu-new"),
    ],
)
async def test_the_credentials_of_another_configuration_are_refused(door, publisher, query, key):
    response = await send_partner(door, BODY, query=query, key=key)
    assert "configName" in await refusal(response, 401, "credentials_wrong")
    assert response.headers["WWW-Authenticate"].startswith("Basic ")
    assert publisher.taken == []


@pytest.mark.parametrize("key", [DATA_KEY, "eu-old"])
@pytest.mark.parametrize("name", ["us", "", "eu%20", "e", "eu%1Fc1", "intercom"])
async def test_an_unknown_name_is_not_found_and_tells_no_known_one(door, publisher, key, name):
    response = await send_partner(door, BODY, query=f"?configName={name}", key=key)
    said = await refusal(response, 404, "unknown_config")
    assert not any(known in said for known in ("default", "eu", "au"))
    assert publisher.taken == []


async def test_without_credentials_a_known_name_looks_like_an_unknown_one(door):
    answers = set()
    for name in ("default", "eu", "au", "us", ""):
        response = await send_partner(door, BODY, query=f"?configName={name}", key="guessed")
        answers.add(await refusal(response, 401, "credentials_wrong"))
    assert len(answers) == 1


async def test_the_same_credentials_may_be_those_of_two_configurations(open_door, publisher):
    """MoEngage's guide uses the MoEngage workspace, which two mappings may share."""
    door = await open_door(others=(Senders("eu", (), ((WORKSPACE, DATA_KEY),)),))
    for name in ("default", "eu"):
        await success(await send_partner(door, BODY, query=f"?configName={name}"))
    assert [envelope.config for envelope, _ in publisher.taken] == ["default", "eu"]


async def test_the_same_body_in_two_configurations_is_two_events(door, publisher):
    await success(await send_partner(door, BODY))
    await success(await send_partner(door, BODY, query="?configName=eu", key="eu-new"))
    first, second = (envelope.event_id for envelope, _ in publisher.taken)
    assert first != second


async def test_all_pairs_of_a_workspace_are_compared(door, publisher):
    headers = {"Authorization": basic_header("ws-au", DATA_KEY)}
    await success(await door.put("/v1/partner/intercom/event?configName=au", json=BODY, headers=headers))
    assert publisher.taken[0][0].workspace == "ws-au"


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ((Senders("eu", (SECRET,)),), "two configurations share one"),
        ((Senders("eu", ("a",)), Senders("au", ("b", "a"))), "two configurations share one"),
        ((Senders("DEFAULT", ("a",)),), "a name is there twice"),
        ((Senders("eu", ("a",)), Senders("EU", ("b",))), "a name is there twice"),
        ((Senders("eu", ("",)),), "one is empty"),
        ((Senders("eu", (), (("a:b", "k"),)),), "without a colon"),
        ((Senders(""),), "config_name: empty"),
    ],
)
def test_configurations_that_could_not_be_told_apart_are_refused(others, said):
    with pytest.raises(InvalidConfig, match=said) as caught:
        config(others=others)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(Senders("eu", (SECRET,), ((WORKSPACE, SECRET),)))
