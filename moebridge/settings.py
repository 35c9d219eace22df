"""The settings: one typed model, read from the environment and one TOML file.

What a setting means stands here once; docs/settings.md, ``moebridge config check`` and the messages
about wrong values are made from it. ``settings_source`` reads, ``wiring`` hands on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from events.configurations import DEFAULT_NAME
from ingest.sources import INTERCOM, networks
from mappings.merging import Merges
from moebridge.setting_kinds import Expect
from moengage.limits import BULK_EVENTS_PER_MINUTE, BULK_USERS_PER_MINUTE, CUSTOMER_PER_MINUTE
from streams.delivery.config import AfterRefusal
from streams.failpoints import ACTIONS, MOMENTS, Failpoints

ENV_PREFIX = "MOEBRIDGE_"
ENV_DELIMITER = "__"


def _split(value: Any) -> Any:
    """A list in one string: a JSON array, or values separated by commas or, as in a file, by lines."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("["):
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"not a JSON array: {error.msg} at character {error.pos}") from None
    return [part.strip() for part in re.split(r"[,\n]", text) if part.strip()]


def _servers(value: str) -> str:
    servers = [server.strip() for server in value.split(",") if server.strip()]
    for server in servers:
        host, _, port = server.rpartition(":")
        if not host or "/" in host or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise ValueError(f"{server!r} is not host:port")
    return ",".join(servers)


def _fits(pattern: str) -> AfterValidator:
    compiled = re.compile(pattern, re.ASCII)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError("holds a character that is not allowed here, or is too long")
        return value

    return AfterValidator(check)


def server_address(value: str) -> str:
    """A server's address, without the slash at its end. Raises ValueError."""
    if value and not re.fullmatch(r"https?://[^\s/@:]+(:\d{1,5})?(/[^\s@]*)?", value):
        raise ValueError("not such an address")
    return value.rstrip("/")


def _sources(value: tuple[str, ...]) -> tuple[str, ...]:
    networks(value)
    return value


def _existing(value: Path | None) -> Path | None:
    if value is not None and not value.exists():
        raise ValueError("there is nothing")
    return value


def _failpoints(value: tuple[str, ...]) -> tuple[str, ...]:
    Failpoints.parse(value)
    return value


def _token(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[\x21-\x7e]*", value.get_secret_value()):
        raise ValueError("holds a blank, or what no token is made of")
    return value


Port = Annotated[int, Ge(0), Le(65535), Expect("a port from 1 to 65535, or 0 for a free one")]
WorkspaceId = Annotated[str, _fits(r"[^:\s]{0,200}"), Expect("a workspace id, without a colon or blanks")]
Secrets = Annotated[
    tuple[Annotated[SecretStr, Field(min_length=1)], ...],
    NoDecode,
    BeforeValidator(_split),
    Expect("secrets, separated by commas, or a JSON array of strings"),
]
PemFile = Annotated[Path | None, AfterValidator(_existing), Expect("a PEM file")]
Sources = Annotated[
    tuple[str, ...],
    NoDecode,
    BeforeValidator(_split),
    AfterValidator(_sources),
    Expect(f"addresses, CIDR blocks, or {', '.join(INTERCOM)}, separated by commas"),
]
IdentitySource = Literal["external_id", "email", "intercom_id"]


class Section(BaseModel):
    """A section of the settings: a table in the file, the first part of a variable's name."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class KafkaSettings(Section):
    """The broker and the topics on it."""

    bootstrap_servers: Annotated[
        str, AfterValidator(_servers), Expect("host:port, several separated by commas")
    ] = Field(default="", description="Where the broker is. Empty: `run` starts an embedded one.")
    topic_prefix: Annotated[
        str, _fits(r"[A-Za-z0-9._-]{0,80}"), Expect("up to 80 of A-Z a-z 0-9 . _ -")
    ] = Field(
        default="",
        description="Put before every topic's name and the consumer group's, so that several "
        "installations can share a broker.",
    )
    partitions: Annotated[int, Ge(1), Le(1000)] = Field(
        default=8,
        description="Partitions of every topic: as many workers can share the work. It cannot be "
        "changed later without moving the state.",
    )
    replication: Annotated[int, Ge(1), Le(10)] = Field(
        default=1, description="Copies of every topic; 3 on a cluster that may lose a broker."
    )

    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="How every process speaks to the broker: SSL is TLS."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="SCRAM-SHA-512", description="How it logs in, with SASL."
    )
    sasl_username: str = Field(default="", description="The user as whom it logs in.")
    sasl_password: SecretStr = Field(default=SecretStr(""), description="That user's password.")
    ssl_cafile: PemFile = Field(
        default=None,
        description="Certificates that the broker's must come from. Empty: those of the system.",
    )
    ssl_certfile: PemFile = Field(
        default=None, description="Our certificate, for a broker that asks for one."
    )
    ssl_keyfile: PemFile = Field(
        default=None,
        description="Its key, without a password. Empty: it is in the same file as the certificate.",
    )


class IntercomSettings(Section):
    """How Intercom proves who it is, and how it is asked for contacts that are not known yet."""

    webhook_secrets: Secrets = Field(
        default=(),
        description="Client secret of the Intercom app whose webhooks come here (Developer Hub, Basic "
        "information); two while it is being changed.",
    )
    workspace_id: WorkspaceId = Field(
        default="", description="User name of the Basic auth of data connectors and Series webhooks."
    )
    data_key: SecretStr = Field(
        default=SecretStr(""),
        description="Password of that Basic auth. `moebridge auth-header` makes the header from both.",
    )
    data_keys: Secrets = Field(
        default=(), description="Further passwords that are taken, while one is changed."
    )
    access_token: Annotated[SecretStr, AfterValidator(_token), Expect("a token without blanks")] = Field(
        default=SecretStr(""),
        description="Access token of the app (Developer Hub, Authentication), to look up contacts that "
        "an event names and nothing has told of yet. Empty: such events are mapped with what they tell.",
    )
    region: Literal["us", "eu", "au"] = Field(
        default="us", description="The region that hosts the Intercom workspace."
    )
    base_url: Annotated[
        str, AfterValidator(server_address), Expect("http(s)://host[:port], without credentials")
    ] = Field(
        default="", description="Another server instead of the region's `https://api….intercom.io`."
    )
    api_version: Annotated[
        str, _fits(r"\d{1,3}\.\d{1,3}|Unstable"), Expect("a version such as 2.14, or Unstable")
    ] = Field(default="2.14", description="Version of Intercom's REST API that is asked for.")


class MoEngageSettings(Section):
    """Where the deliveries go."""

    workspace_id: WorkspaceId = Field(
        default="", description="Workspace ID (Settings, Account, APIs in MoEngage)."
    )
    api_key: SecretStr = Field(default=SecretStr(""), description="The *Data* API key of that workspace.")
    data_center: Literal["01", "02", "03", "04", "05", "06", "101"] = Field(
        default="01",
        description="The number in the dashboard's address: `dashboard-02.moengage.com` is 02.",
    )
    base_url: Annotated[
        str, AfterValidator(server_address), Expect("http(s)://host[:port], without credentials")
    ] = Field(
        default="", description="Another server instead of `https://api-<data center>.moengage.com`."
    )
    timeout_s: Annotated[float, Gt(0), Le(300)] = Field(
        default=10.0, description="How long one call may take, in seconds."
    )
    users_per_minute: Annotated[int, Ge(0), Le(10_000_000)] = Field(
        default=BULK_USERS_PER_MINUTE,
        description="Users a minute that the workspace takes, merges and deletes among them. The workers "
        "share it by the partitions that they have. Less is sent for a while after a 429. 0: no limit.",
    )
    events_per_minute: Annotated[int, Ge(0), Le(10_000_000)] = Field(
        default=BULK_EVENTS_PER_MINUTE,
        description="Events a minute that it takes, likewise.",
    )
    customer_per_minute: Annotated[int, Ge(0), Le(1_000_000)] = Field(
        default=CUSTOMER_PER_MINUTE,
        description="Users and events a minute of one customer_id; what is more waits. MoEngage drops it "
        "silently, for an hour. 0: no limit.",
    )
    real_time_action: bool = Field(
        default=False,
        description="Send `real_time_action` with every event: one of MoEngage's FAQs asks for it where "
        "events do not start campaigns.",
    )


class IngestSettings(Section):
    """The front door: what Intercom calls."""

    host: str = Field(
        default="127.0.0.1", min_length=1, description="Address to listen on; 0.0.0.0 for all."
    )
    port: Port = Field(default=8080, description="Port to listen on.")
    max_body_bytes: Annotated[int, Ge(1_000), Le(8_000_000)] = Field(
        default=1_000_000,
        description="Largest body that is taken, in bytes; a larger one is answered with 413.",
    )
    max_in_flight: Annotated[int, Ge(1), Le(100_000)] = Field(
        default=2000, description="Requests in work at once; one more is answered with 429."
    )
    max_in_flight_bytes: Annotated[int, Ge(10_000_000), Le(10_000_000_000)] = Field(
        default=64_000_000,
        description="Bytes of their bodies together, and of records that wait for the broker; more is "
        "answered with 429.",
    )
    max_requests_per_source_s: Annotated[int, Ge(0), Le(1_000_000)] = Field(
        default=2500,
        description="Requests a second from one address, and as many at once; more is answered with 429. "
        "0: no limit. Intercom sends 150,000 a minute at most. Behind a proxy, name that in "
        "`trusted_proxies`.",
    )
    allowed_sources: Sources = Field(
        default=(),
        description="From where requests are taken; `intercom-us`, `intercom-eu` and `intercom-au` stand "
        "for the addresses that Intercom documents. Empty: from anywhere.",
    )
    trusted_proxies: Sources = Field(
        default=(),
        description="Proxies whose X-Forwarded-For tells where a request comes from. Empty: from the "
        "other end of its connection.",
    )
    answer_deadline_s: Annotated[float, Gt(0), Le(4.5)] = Field(
        default=1.5,
        description="How long the broker may take to confirm an event before the answer is 429, in "
        "seconds. Intercom waits for 5.",
    )
    spool_dir: Annotated[Path | None, Expect("a folder of this process alone")] = Field(
        default=None,
        description="Where events are kept on disk while the broker is away; they are answered with 200 "
        "and handed on in order when it is back. Empty: they are answered with 429.",
    )
    spool_max_bytes: Annotated[int, Ge(20_000_000), Le(1_000_000_000_000)] = Field(
        default=1_000_000_000,
        description="Most bytes of the spool; what it cannot take is answered with 429.",
    )
    retry_after_s: Annotated[int, Ge(1), Le(3600)] = Field(
        default=5, description="What such an answer says in Retry-After, in seconds."
    )
    config_name: Annotated[
        str, _fits(r"[A-Za-z0-9._-]{1,100}"), Expect("1 to 100 of A-Z a-z 0-9 . _ -")
    ] = Field(
        default=DEFAULT_NAME,
        description="Name of the default configuration, as `configName` in its connectors' URLs.",
    )
    public_url: Annotated[
        str, AfterValidator(server_address), Expect("http(s)://host[:port], without credentials")
    ] = Field(
        default="",
        description="Where Intercom reaches the front door, such as `https://bridge.example.com`; for "
        "what `moebridge connector` prints, and `moebridge doctor` asks.",
    )


class WorkerSettings(Section):
    """The worker: stages, tables and delivery."""

    data_dir: Path = Field(
        default=Path(".moebridge/worker"),
        description="Folder of the tables. Keep it between runs, one for each worker: else the state is "
        "read again from the broker.",
    )
    store: Literal["rocksdb", "memory"] = Field(
        default="rocksdb", description="Where tables live; memory is for tests."
    )
    chunk_records: Annotated[int, Ge(1), Le(10_000)] = Field(
        default=500, description="Most records of a partition that are worked on at once."
    )
    poll_linger_ms: Annotated[int, Ge(0), Le(1_000)] = Field(
        default=10,
        description="Least time between two fetches from one broker, unless there is a backlog: what "
        "arrives meanwhile is worked on together.",
    )
    session_timeout_s: Annotated[float, Ge(6), Le(300)] = Field(
        default=10.0,
        description="After this many seconds without a sign of life the broker gives a worker's "
        "partitions to others.",
    )
    shutdown_s: Annotated[float, Ge(1), Le(600)] = Field(
        default=10.0, description="How long a stop may take to finish what is in work, in seconds."
    )
    stall_s: Annotated[float, Ge(5), Le(86_400)] = Field(
        default=120.0,
        description="A worker that has work and makes no progress for so many seconds, nor waits for a "
        "known reason, is not alive: `/healthz` says 503, and a quarter of that later it ends, to be "
        "started again. Twice `moengage.timeout_s` at least, whatever it says here.",
    )
    instance_id: Annotated[
        str, _fits(r"[A-Za-z0-9._-]{0,200}"), Expect("up to 200 of A-Z a-z 0-9 . _ -")
    ] = Field(
        default="",
        description="A name of its own for each worker keeps its partitions for it through a restart "
        "(`group.instance.id`). Empty: partitions move at every restart.",
    )
    http_host: str = Field(
        default="127.0.0.1", min_length=1, description="Address of `/healthz`, `/readyz` and `/metrics`."
    )
    http_port: Port = Field(default=8081, description="Port of those.")
    failpoints: Annotated[
        tuple[str, ...],
        NoDecode,
        BeforeValidator(_split),
        AfterValidator(_failpoints),
        Expect(
            f"stage:moment:count[:action], moment one of {', '.join(MOMENTS)}, action one of "
            f"{', '.join(ACTIONS)}; several separated by commas"
        ),
    ] = Field(default=(), description="Test switch: fail on purpose. Never set it in production.")


class DeliverySettings(Section):
    """Requests to MoEngage: each goes out at the first of its bounds; and what follows its answers."""

    max_elements: Annotated[int, Ge(1), Le(1000)] = Field(
        default=100, description="Most users and events in one request."
    )
    max_bytes: Annotated[int, Ge(1_000), Le(128_000)] = Field(
        default=100_000, description="Most bytes of one request; MoEngage documents 100 KB."
    )
    linger_ms: Annotated[int, Ge(0), Le(60_000)] = Field(
        default=50, description="How long the first element waits for company, in milliseconds."
    )
    in_flight: Annotated[int, Ge(1), Le(100)] = Field(
        default=4,
        description="Requests to a workspace that one worker has out at once, none two of them with the "
        "same customer. A worker that is killed may have sent as many without knowing.",
    )
    retry_cap_s: Annotated[float, Gt(0), Le(3600)] = Field(
        default=30.0,
        description="Longest wait between two tries while MoEngage does not answer, in seconds; there is "
        "no last try.",
    )
    pause_s: Annotated[float, Gt(0), Le(3600)] = Field(
        default=15.0,
        description="Time between two tries while MoEngage refuses credentials or workspace, in seconds.",
    )
    max_attempts: Annotated[int, Ge(0), Le(1_000_000)] = Field(
        default=0,
        description="Tries for an element that alone meets 5xx or no answer while others are taken; then "
        "it is a dead letter. 0: without end.",
    )
    after_refusal: AfterRefusal = Field(
        default="go_on",
        description="What comes for a customer of whom MoEngage refused an element: `go_on` sends it, "
        "`park` puts it among the dead letters too, in order, until all of them were redriven.",
    )
    brake_run: Annotated[int, Ge(0), Le(100_000)] = Field(
        default=25,
        description="So many refused elements in a row stop delivery to the workspace, before more are "
        "dead letters; it goes on when one is taken. 0: never.",
    )
    brake_share: Annotated[float, Gt(0), Le(1)] = Field(
        default=0.5,
        description="So does this share of refused ones among the last elements (at least four times "
        "`brake_run`).",
    )
    brake_rest_s: Annotated[float, Gt(0), Le(3600)] = Field(
        default=60.0, description="Time between two tries while it is stopped, in seconds."
    )


class LagSettings(Section):
    """How far the workers are behind: `moebridge lag`, `/lag` and the metrics of workers."""

    interval_s: Annotated[float, Ge(0), Le(3600)] = Field(
        default=10.0, description="How often a worker asks the broker, in seconds. 0: never."
    )
    window: Annotated[int, Ge(2), Le(1000)] = Field(
        default=12, description="How many of these looks a worker's verdict is made from."
    )
    allowed_lag: Annotated[int, Ge(0), Le(1_000_000_000)] = Field(
        default=0, description="Records on a partition up to which nothing is ever wrong."
    )
    cluster_name: Annotated[
        str, _fits(r"[A-Za-z0-9._-]{1,100}"), Expect("1 to 100 of A-Z a-z 0-9 . _ -")
    ] = Field(default="kafka", description="The label `cluster_name` of the metrics.")


class ReplaySettings(Section):
    """How recorded events are replayed: `moebridge replay`."""

    share: Annotated[float, Gt(0), Le(1)] = Field(
        default=0.33,
        description="How much of what a configuration may send a minute a replay uses at most; live "
        "traffic comes first whatever it says.",
    )
    label: Annotated[
        str, _fits(r"([A-Za-z][A-Za-z0-9_]{0,99})?"), Expect("up to 100 of A-Z a-z 0-9 _, a letter first")
    ] = Field(
        default="moebridge_replay",
        description="The attribute of every replayed user and event that holds the replay's id. Empty: "
        "none.",
    )
    max_ahead: Annotated[int, Ge(1), Le(1_000_000)] = Field(
        default=150,
        description="Records in front of the workers, live and replayed, above which a replay waits.",
    )


class MappingSettings(Section):
    """What becomes of an Intercom event in MoEngage."""

    path: Annotated[
        Path | None, AfterValidator(_existing), Expect("a folder of *.yaml files, or one such file")
    ] = Field(default=None, description="Rules of your own. Empty: those that come with moebridge.")
    reload_s: Annotated[float, Ge(0), Le(3600)] = Field(
        default=5.0,
        description="How often a worker looks whether these files have changed, in seconds. What two "
        "looks in a row find the same is compiled, tested and put in force. 0: only at SIGHUP.",
    )
    identity: Annotated[
        tuple[IdentitySource, ...],
        NoDecode,
        BeforeValidator(_split),
        Field(min_length=1),
        Expect("external_id, email, intercom_id in any order, separated by commas"),
    ] = Field(
        default=("external_id", "intercom_id"),
        description="What makes a contact's MoEngage customer_id: the first of these that it has.",
    )
    merges: Merges = Field(
        default="intercom_ids",
        description="Which users are merged in MoEngage, for good, when a contact goes on under another "
        "customer_id (a lead that signs up) or was merged into another contact: `intercom_ids` those "
        "under an id that Intercom made up, `all` also those under an id of your own, `off` none.",
    )
    deletes: bool = Field(
        default=False,
        description="Delete the user in MoEngage, for good, when the contact is deleted in Intercom.",
    )


class ConfigurationSettings(BaseModel):
    """A further configuration: one more Intercom workspace, its MoEngage workspace, and its mapping.

    Nothing is taken over from the default configuration: what is not set here has the default
    of the table above.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    intercom: IntercomSettings = Field(default_factory=IntercomSettings)
    moengage: MoEngageSettings = Field(default_factory=MoEngageSettings)
    mapping: MappingSettings = Field(default_factory=MappingSettings)


class LogSettings(Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least important lines that are written."
    )
    format: Literal["text", "json"] = Field(
        default="text", description="For people, or one JSON object a line."
    )


class Settings(BaseSettings):
    """All settings. Made by ``settings_source.load``, which says where each value comes from."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter=ENV_DELIMITER,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
    )

    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    intercom: IntercomSettings = Field(default_factory=IntercomSettings)
    moengage: MoEngageSettings = Field(default_factory=MoEngageSettings)
    ingest: IngestSettings = Field(default_factory=IngestSettings)
    worker: WorkerSettings = Field(default_factory=WorkerSettings)
    delivery: DeliverySettings = Field(default_factory=DeliverySettings)
    mapping: MappingSettings = Field(default_factory=MappingSettings)
    lag: LagSettings = Field(default_factory=LagSettings)
    replay: ReplaySettings = Field(default_factory=ReplaySettings)
    log: LogSettings = Field(default_factory=LogSettings)
    #: Further ones, by name in lower case (configuration_names).
    configurations: dict[str, ConfigurationSettings] = Field(default_factory=dict)

    def by_name(self) -> dict[str, ConfigurationSettings]:
        """All configurations: the default one, under ``ingest.config_name``, then the further ones."""
        default = ConfigurationSettings(
            intercom=self.intercom, moengage=self.moengage, mapping=self.mapping
        )
        return {self.ingest.config_name: default, **self.configurations}

    @property
    def app_id(self) -> str:
        """The Faust app's id, which is the consumer group's name and begins the changelog topics'."""
        return f"{self.kafka.topic_prefix}moebridge"

    def changed(self, changes: Mapping[str, Any]) -> Settings:
        """A copy with these values, by ``section.key``."""
        sections: dict[str, Section] = {}
        for name, value in changes.items():
            section, _, key = name.partition(".")
            present = sections.get(section) or getattr(self, section)
            sections[section] = type(present).model_validate({**present.model_dump(), key: value})
        return self.model_copy(update=sections)
