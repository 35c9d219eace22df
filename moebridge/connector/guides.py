"""The four methods: what MoEngage's Intercom guide has a user do, pointed at the front door.

Menus and fields are named as Intercom's pages name them (help: Data connectors, Sending webhooks with
Series; developer pages: Set up Webhooks, Webhook topics; read in November 2026).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from ingest.app import PARTNER, WEBHOOKS
from ingest.basic_auth import HEADER as AUTHORIZATION
from ingest.basic_auth import basic_header
from intercom.config import HOSTS
from intercom.webhook_topics import PERMISSIONS
from mappings.rules import RuleSet
from mappings.subscriptions import Subscription, subscriptions
from moebridge.configuration_names import Named
from moebridge.connector.bodies import (
    AT_HAND,
    FOUND,
    Person,
    event_body,
    grouped_body,
    lookup_body,
    user_body,
)
from moebridge.connector.guide import Guide, Header, Method, Request, Topic
from moebridge.connector.placeholders import written
from moebridge.settings import ConfigurationSettings, IntercomSettings

#: Where the public address is not known.
UNKNOWN_HOST = "https://YOUR-HOST"

DEVELOPER_HUB = "https://app.intercom.com/a/apps/_/developer-hub"

_JSON = Header("Content-Type", "application/json")

_TICKET = {
    "event_name": "ticket_update",
    "ticket_id": written("ticket_id"),
    "ticket_state": written("ticket_state"),
}
_SERIES_STEP = {"event_name": "series_step", "company_name": written("company_name")}


@dataclass(frozen=True, slots=True)
class Target:
    """What Intercom is pointed at: a configuration, behind the front door at ``base_url``.

    ``named`` gives the names of the configuration's settings.
    """

    base_url: str
    config: str
    settings: ConfigurationSettings
    named: Named

    def url(self, kind: str) -> str:
        """Where connectors and Series post; ``kind`` is user or event."""
        return f"{self.base_url}{PARTNER}/{kind}?configName={quote(self.config, safe='')}"


def make_guide(method: Method, target: Target, rules: RuleSet) -> Guide:
    """The guide for a method; ``rules`` are those of the configuration."""
    match method:
        case "workflow":
            return _workflow(target)
        case "advanced":
            return _advanced(target)
        case "series":
            return _series(target)
        case "webhook":
            return _webhook(target, rules)


def _workflow(target: Target) -> Guide:
    return Guide(
        "workflow",
        "A data connector in a Workflow (method 1, approach A of MoEngage's guide)",
        (
            "In Intercom open Settings > Integrations > Data connectors, and create a connector for each "
            "of the requests below that you want.",
            *_FILL_IN,
            _TEST,
            "Set the connector live, and add it as a step to the Workflow that is to send it.",
        ),
        _requests(target, ("POST",), AT_HAND, _TICKET),
        notes=_NOTES,
    )  # fmt: skip


def _advanced(target: Target) -> Guide:
    intercom = target.settings.intercom
    token = "is set" if intercom.access_token.get_secret_value() else "is not set"
    return Guide(
        "advanced",
        "A data connector after one that looks the contact up (method 1, approach B: enrichment)",
        (
            "In Intercom open Settings > Integrations > Data connectors, and create the first connector "
            "from the request that looks the contact up. Leave out a filter whose value the Workflow "
            "does not know.",
            "Test it, and have the fields of its response that are named below kept as temporary "
            "attributes of the Workflow.",
            "Create a second connector for each of the other requests that you want.",
            *_FILL_IN,
            _TEST,
            "Set all of them live, and add them as steps to the Workflow: first the one that looks up.",
        ),
        (
            Request(
                "Look the contact up (the first connector)",
                ("POST",),
                f"{intercom.base_url or HOSTS[intercom.region]}/contacts/search",
                (_bearer(target), _JSON, _version(intercom)),
                lookup_body(),
            ),
            *_requests(target, ("POST",), FOUND, _TICKET),
        ),
        notes=(
            f"The worker looks contacts up itself, given {target.named('intercom.access_token')}, which "
            f"{token}: a body with any one of intercom_id, customer_id and u_em is completed from "
            "Intercom before it is mapped. One connector without the first does then "
            "(--method workflow).",
            *_NOTES,
        ),
    )  # fmt: skip


def _series(target: Target) -> Guide:
    return Guide(
        "series",
        "A webhook in a Series (method 2 of MoEngage's guide)",
        (
            "In Intercom open the Series, drag a webhook from the menu on the right, and connect it to "
            "the rule block that is to trigger it.",
            "Open the webhook block and give it a title; one block for each of the requests below that "
            "you want.",
            *_FILL_IN,
            "Save the block and set the Series live.",
        ),
        _requests(target, ("POST", "PUT"), AT_HAND, _SERIES_STEP),
        notes=_NOTES,
    )


def _webhook(target: Target, rules: RuleSet) -> Guide:
    secret = "which is set" if target.settings.intercom.webhook_secrets else "which is not set yet"
    topics = _topics(rules)
    granted = ", ".join(f"“{one}”" for one in _enough(topics))
    return Guide(
        "webhook",
        "Webhooks of an app (Developer Hub)",
        (
            f"Open your app in the Developer Hub ({DEVELOPER_HUB}), or make one for your workspace.",
            "Under Configure > Basic information, copy the client secret into "
            f"{target.named('intercom.webhook_secrets')}, {secret}, and start the front door with it.",
            f"Under Configure > Authentication, see to these permissions: {granted or 'none'}.",
            "Under Configure > Webhooks, paste the endpoint URL. It has to be https, and the front door "
            "has to run: Intercom asks it with HEAD.",
            "Select the topics below in the Webhook topics dropdown, and save.",
        ),
        (Request("The endpoint", ("POST",), target.base_url + WEBHOOKS),),
        topics,
        (
            "Intercom signs each request with the client secret; there are no headers to enter.",
            "A topic that is not in the dropdown is of a newer API version than the app's: leave it out.",
            "Topics that no rule uses are taken too, stored and mapped to nothing.",
        )
        if topics
        else ("No rule of the mapping waits for a webhook.",),
    )


#: What is the same wherever a body is pasted.
_FILL_IN = (
    "Choose the method, and paste the URL, the headers (key and value) and the body.",
    "Wherever the body says {{…}}, delete that and insert the attribute named below from Intercom's "
    "list. Leave the quotes around it.",
    "Name the event, and add keys of your own: each arrives in MoEngage as an attribute under its name.",
)
_TEST = 'Test each: the answer is 200 with "status": "success". What a test sends counts.'
_NOTES = (
    "Without the quotes a number stays a number; but where somebody has no value, the body is no JSON "
    "then, and is refused with 400.",
    "An event happens when it is sent; a key modified_at with a time says otherwise. The same body again "
    "within a minute counts once.",
    "Intercom documents no second try: what is not answered with 200 is lost.",
)


def _requests(
    target: Target, methods: tuple[str, ...], person: Person, event: Mapping[str, str]
) -> tuple[Request, ...]:
    identity = target.settings.mapping.identity[0]
    headers = (_basic(target), _JSON)
    users, events = target.url("user"), target.url("event")
    return (
        Request("A user or lead", methods, users, headers, user_body(person, identity)),
        Request("An event", methods, events, headers, event_body(person, identity, event)),
        Request("Both at once", methods, events, headers, grouped_body(person, identity, event)),
    )


def _basic(target: Target) -> Header:
    intercom = target.settings.intercom
    keys = [key.get_secret_value() for key in (intercom.data_key, *intercom.data_keys)]
    key = next((key for key in keys if key), "")
    unset = [] if intercom.workspace_id else [target.named("intercom.workspace_id")]
    unset += [] if key else [target.named("intercom.data_key")]
    value = basic_header(intercom.workspace_id, key)
    return Header(AUTHORIZATION, value, "Basic", tuple(unset))


def _bearer(target: Target) -> Header:
    token = target.settings.intercom.access_token.get_secret_value()
    unset = () if token else (target.named("intercom.access_token"),)
    return Header("Authorization", f"Bearer {token}", "Bearer", unset)


def _version(intercom: IntercomSettings) -> Header:
    return Header("Intercom-Version", intercom.api_version)


def _topics(rules: RuleSet) -> tuple[Topic, ...]:
    return tuple(
        Topic(one.topic, PERMISSIONS[one.topic], _reason(one))
        for one in subscriptions(rules, PERMISSIONS)
    )


def _reason(subscription: Subscription) -> str:
    if subscription.rules:
        return ", ".join(subscription.rules)
    return f"what rules read of the {' and the '.join(subscription.keeps)}"


def _enough(topics: Sequence[Topic]) -> list[str]:
    """Permissions that are enough for all the topics."""
    return list(dict.fromkeys(topic.permissions[0] for topic in topics if topic.permissions))
