"""configName: several configurations in one process, each with workspaces and a mapping of its own."""

from __future__ import annotations

import pytest
from guide_bridge import Guide
from heard import Event, User
from intercom_says import ticket
from people import Person

pytestmark = [pytest.mark.broker, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.parametrize("query", ["", "?configName=default", "?configName=second"])
async def test_config_name_known(guide: Guide, own: Guide, someone: Person, query: str) -> None:
    """A connector's URL names it; without a name it is the default one."""
    its, other = (own, guide) if "second" in query else (guide, own)
    body = {"customer_id": someone.customer_id, "u_fn": "Ada"}
    assert await its.connector("users", body, query=query) == 200
    assert await its.connector_news(someone.customer_id) == [User({"u_fn": "Ada"})]
    assert await other.connector_news(someone.customer_id) == []


async def test_config_name_unknown(guide: Guide, someone: Person) -> None:
    """404, the known names hidden, and nothing is taken."""
    body = {"customer_id": someone.customer_id, "u_fn": "Ada"}
    assert await guide.connector("users", body, query="?configName=other") == 404
    assert not any(name in guide.answer for name in ("default", "second", "third"))
    assert await guide.connector_news(someone.customer_id) == []


async def test_config_name_with_credentials_of_another(guide: Guide, own: Guide, someone: Person) -> None:
    body = {"customer_id": someone.customer_id, "u_fn": "Ada"}
    assert await guide.connector("users", body, query="?configName=second") == 401
    for one in (guide, own):
        assert await one.connector_news(someone.customer_id) == []


async def test_configurations_keep_apart(guide: Guide, own: Guide, mail: Guide, someone: Person) -> None:
    """The same contact and ticket in three: each has its own MoEngage workspace, rules and customer id.

    A webhook belongs to the configuration whose app's secret signed it.
    """
    address = someone.email
    for one, name in ((guide, "Ada Default"), (own, "Ada Own"), (mail, "Ada Mail")):
        await one.webhook("contact.user.created", someone.contact(name=name))
        for at, now in ((0, "submitted"), (60, "resolved")):
            topic = "ticket.state.updated" if at else "ticket.created"
            await one.webhook(topic, ticket([someone], someone.contact_id, now, at=at), at=at)
    heard = [
        await guide.news(someone),
        await own.news(someone),
        await mail.news_of(address, someone),
    ]
    assert [element.attributes["u_n"] for element, *_ in heard] == ["Ada Default", "Ada Own", "Ada Mail"]
    assert [[event.name for event in events if isinstance(event, Event)] for _, *events in heard] == [
        ["ticket_created", "ticket_state_changed"],
        ["ticket_created", "ticket_resolved"],
        ["ticket_created", "ticket_state_changed"],
    ]
    assert mail.moengage.of(someone.customer_id) == guide.moengage.of(address) == []


async def test_configurations_have_tokens_of_their_own(guide: Guide, own: Guide, someone: Person) -> None:
    """Who has one asks; who has none does not, whoever else may."""
    await guide.seed(someone.at_rest(name="Ada King"))
    for one in (own, guide):
        await one.webhook("ticket.created", ticket([someone], someone.contact_id, "submitted"))
    assert [type(element) for element in await own.news(someone)] == [Event]
    user, event = await guide.news(someone)
    assert (user.attributes["u_n"], type(event)) == ("Ada King", Event)
