"""What MoEngage's answers to the connection test mean. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from moebridge.configuration_names import Named
from moebridge.doctor.findings import Finding, ok, problem, warning
from moengage.answers import Answer, Verdict
from moengage.client import MoEngageConfig

_WHERE = "in MoEngage under Settings > Account > APIs"


def moengage_finding(
    config: MoEngageConfig, answer: Answer, elsewhere: Mapping[str, Answer], named: Named
) -> Finding:
    """What the data centre of the settings answered; ``elsewhere``: what others did, by data centre."""
    place = config.base_url or f"data center {config.data_center}"
    said = f"{answer.status} {answer.message}" if answer.status else answer.message
    match answer.verdict:
        case Verdict.ACCEPTED:
            note = ", which is not MoEngage's own address" if config.base_url else ""
            return ok(f"the workspace and its key are known in {place}{note}")
        case Verdict.WAIT:
            return warning(f"{place} limits the rate just now ({said})", "ask again in a minute")
        case Verdict.AGAIN if not answer.status:
            return problem(
                f"no answer from {place} ({said})",
                f"check the way there from this machine, and {_address(config, named)}",
            )
        case Verdict.AGAIN:
            return problem(f"{place} fails ({said})", "ask again later; see MoEngage's status page")
        case Verdict.PAUSE:
            return _refused(config, place, answer.status, said, elsewhere, named)
        case _:
            return problem(
                f"{place} does not take the question ({said})", f"check {_address(config, named)}"
            )


def _refused(
    config: MoEngageConfig,
    place: str,
    status: int,
    said: str,
    elsewhere: Mapping[str, Answer],
    named: Named,
) -> Finding:
    homes = [name for name, answer in elsewhere.items() if answer.verdict is Verdict.ACCEPTED]
    if homes:
        return problem(
            f"the workspace and its key are known in data center {homes[0]}, not in {config.data_center}",
            f"set {named('moengage.data_center')} to {homes[0]}",
        )
    workspace, key = named("moengage.workspace_id"), named("moengage.api_key")
    if status == 409:
        return problem(
            f"the key is not that of the workspace ({said})", f"copy {workspace} and {key} anew, {_WHERE}"
        )
    if status in (401, 403):
        others = sum(answer.status in (401, 403, 409) for answer in elsewhere.values())
        also = f", as in {others} other data centers" if others else ""
        return problem(
            f"{place} refuses the workspace and its key ({said}){also}",
            f"copy {workspace} and {key}, the Data key, anew, {_WHERE}",
        )
    return problem(f"no Data API answers at {place} ({said})", f"check {_address(config, named)}")


def _address(config: MoEngageConfig, named: Named) -> str:
    return named("moengage.base_url" if config.base_url else "moengage.data_center")
