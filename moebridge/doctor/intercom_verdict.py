"""What Intercom's answers to "whose token is this?" mean. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from intercom.config import IntercomConfig
from moebridge.configuration_names import Named
from moebridge.doctor.findings import Finding, ok, problem, warning


@dataclass(frozen=True, slots=True)
class Workspace:
    """The token's workspace: its id, and the region that hosts it in lower case, "" where not told."""

    id: str
    region: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Intercom does not let us in; ``setting`` of IntercomConfig is the first to look at."""

    setting: str
    problem: str


@dataclass(frozen=True, slots=True)
class Silent:
    """No useful answer came."""

    reason: str


Told = Workspace | Refused | Silent


def no_token_finding(named: Named) -> Finding:
    """There is nobody to ask as."""
    return warning(
        f"{named('intercom.access_token')} is not set: contacts that an event names and nothing has told "
        "of yet are not looked up",
        "set it, if their events need names, e-mail addresses and companies",
    )


def intercom_finding(
    config: IntercomConfig, told: Told, elsewhere: Mapping[str, Told], named: Named
) -> Finding:
    """What the region of the settings said; ``elsewhere``: what the other regions did, by region."""
    place = config.base_url or f"region {config.region}"
    match told:
        case Workspace(region=region) if region and region != config.region and not config.base_url:
            return _elsewhere(config, region, told.id, named)
        case Workspace():
            note = ", which is not Intercom's own address" if config.base_url else ""
            return ok(f"the token is that of workspace {told.id}, in {place}{note}")
        case Refused():
            homes = {region: one for region, one in elsewhere.items() if isinstance(one, Workspace)}
            for region, home in homes.items():
                return _elsewhere(config, home.region or region, home.id, named)
            return problem(
                f"{place} does not let us in: {told.problem}",
                f"check {named(f'intercom.{told.setting}')}",
            )
        case Silent():
            return problem(
                f"no answer from {place} ({told.reason})",
                "check the way there from this machine; ask again later",
            )


def _elsewhere(config: IntercomConfig, region: str, workspace: str, named: Named) -> Finding:
    return problem(
        f"the token is that of workspace {workspace}, which region {region} hosts, not {config.region}",
        f"set {named('intercom.region')} to {region}",
    )
