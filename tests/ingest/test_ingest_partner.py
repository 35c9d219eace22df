"""Connectors and Series webhooks, through HTTP: paths, Basic auth, configurations."""

from __future__ import annotations

import itertools

import pytest
from front_door import DATA_KEY, NOW_MS, WORKSPACE, refusal, send_partner, success

from events.envelope import Source
from ingest.basic_auth import basic_header, parse_basic

BODY = {"intercom_id": "c-1", "u_fn": "Ada", "modified_at": NOW_MS // 1000 - 60}


@pytest.mark.parametrize(
    ("method", "kind", "slash"),
    list(itertools.product(["POST", "PUT"], ["event", "events", "user", "users"], ["", "/"])),
)
async def test_every_form_of_the_path_takes_a_body(door, publisher, method, kind, slash):
    response = await send_partner(
        door, BODY, method=method, kind=kind, slash=slash, query="?configName=default"
    )
    request_id = await success(response)
    [(envelope, key)] = publisher.taken
    assert (envelope.source, envelope.topic) == (Source.PARTNER, "partner." + kind.rstrip("s"))
    assert (envelope.workspace, envelope.config) == (WORKSPACE, "default")
    assert (envelope.received_at, envelope.occurred_at) == (NOW_MS, NOW_MS - 60_000)
    assert envelope.event_id == request_id
    assert key == b"c-1"


async def test_the_same_body_has_the_same_id(door, publisher):
    for _ in range(2):
        await success(await send_partner(door, BODY))
    await success(await send_partner(door, {**BODY, "u_fn": "Grace"}))
    first, again, other = (envelope.event_id for envelope, _ in publisher.taken)
    assert first == again != other


@pytest.mark.parametrize("path", ["", "/", "/accounts", "/user/x", "/user//", "/USER"])
async def test_other_paths_are_unknown(door, path):
    response = await door.post("/v1/partner/intercom" + path, json=BODY)
    await refusal(response, 404, "unknown_path")


async def test_a_check_of_the_url_gets_200_and_nothing_else(door, publisher):
    response = await door.head("/v1/partner/intercom/users/")
    assert (response.status, await response.read(), publisher.taken) == (200, b"", [])


async def test_an_unknown_configuration_is_refused_without_naming_the_known_ones(open_door, publisher):
    door = await open_door(config_name="winter-24")
    await success(await send_partner(door, BODY))
    await success(await send_partner(door, BODY, query="?configName=winter-24"))
    for query in ("?configName=summer", "?configName="):
        response = await send_partner(door, BODY, query=query)
        assert "winter" not in await refusal(response, 404, "unknown_config")
    assert [envelope.config for envelope, _ in publisher.taken] == 2 * ["winter-24"]


async def test_nobody_learns_of_configurations_without_credentials(door):
    response = await send_partner(door, BODY, query="?configName=summer", key="guessed")
    await refusal(response, 401, "credentials_wrong")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Basic",
        "Basic ???",
        "Basic " + 20 * "ü",
        "Bearer " + basic_header(WORKSPACE, DATA_KEY)[6:],
        basic_header(WORKSPACE, "guessed"),
        basic_header(WORKSPACE, ""),
        basic_header("other", DATA_KEY),
        basic_header("", ""),
    ],
)
async def test_other_credentials_are_refused_with_a_challenge(door, publisher, header):
    headers = {} if header is None else {"Authorization": header}
    response = await door.post("/v1/partner/intercom/user", json=BODY, headers=headers)
    await refusal(response, 401, "credentials_wrong")
    assert response.headers["WWW-Authenticate"].startswith("Basic ")
    assert publisher.taken == []


async def test_each_pair_of_credentials_names_its_workspace(open_door, publisher):
    door = await open_door(partner_credentials=((WORKSPACE, "former"), (WORKSPACE, "new"), ("b", "k")))
    for user, key in ((WORKSPACE, "former"), (WORKSPACE, "new"), ("b", "k")):
        headers = {"Authorization": basic_header(user, key)}
        await success(await door.put("/v1/partner/intercom/event", json=BODY, headers=headers))
    assert [envelope.workspace for envelope, _ in publisher.taken] == [WORKSPACE, WORKSPACE, "b"]


def test_basic_credentials_survive_the_round_trip():
    assert parse_basic(basic_header("wörk", "k:e:y")) == ("wörk", "k:e:y")
    assert parse_basic("basic  " + basic_header("a", "b")[6:]) == ("a", "b")
    assert parse_basic("Basic bm8tY29sb24=") is None  # "no-colon"


@pytest.mark.parametrize(("body", "name"), [(b'{"u_fn": }', "not_json"), (b"null", "wrong_shape")])
async def test_a_placeholder_that_broke_the_body_is_refused(door, body, name):
    await refusal(await send_partner(door, body), 400, name)
