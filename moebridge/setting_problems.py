"""What can be wrong with settings, in words: the field, where it comes from, the value, the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic_core import ErrorDetails

from moebridge.setting_catalogue import CATALOGUE, Setting, sections, variable

#: What the settings are wanted for; it decides which of them are needed.
Purpose = Literal["anything", "topics", "ingest", "worker", "run"]

MAX_SHOWN_CHARS = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One wrong setting. ``origin`` is a variable's name or a place in the file, "" for one not set."""

    name: str
    origin: str
    text: str

    def __str__(self) -> str:
        return f"{self.name} ({self.origin}): {self.text}" if self.origin else f"{self.name}: {self.text}"


def wrong_value(error: ErrorDetails, origin: str, given: Any) -> Problem:
    """A value that the model refuses; ``given`` as it stands in its origin."""
    name = ".".join(str(part) for part in error["loc"][:2])
    setting = CATALOGUE.get(name)
    if setting is None:
        return Problem(name, origin, f"expected a table of settings: [{name}]")
    text = f"expected {setting.expects}"
    if setting.secret:
        text += "; the value is not shown"
    else:
        text += f", got {_shown(given)}"
    if error["type"] == "value_error" and "ctx" in error:
        text += f" ({error['ctx']['error']})"
    return Problem(name, origin, f"{text}. {_remedy(setting)}")


def unknown_name(name: str, origin: str, *, in_environment: bool) -> Problem:
    """A setting that does not exist, with the one that may be meant. Its value is never shown."""
    meant = _nearest(name)
    if meant is None:
        remedy = "Take it out; docs/settings.md lists what there is."
    elif in_environment:
        remedy = f"Did you mean {variable(meant)}?"
    else:
        section, _, key = meant.partition(".")
        remedy = f"Did you mean {key} in [{section}]?" if key else f"Did you mean [{section}]?"
    return Problem(name, origin, f"there is no such setting. {remedy}")


def missing(purpose: Purpose, is_set: Callable[[str], bool]) -> list[Problem]:
    """What the purpose needs and nobody has set."""
    problems = [_needed(name) for name in _NEEDS[purpose] if not is_set(name)]
    if purpose in ("ingest", "run"):
        keys = is_set("intercom.data_key") or is_set("intercom.data_keys")
        if not keys and not is_set("intercom.webhook_secrets"):
            problems.append(
                Problem(
                    "intercom.webhook_secrets",
                    "",
                    "not set, nor is intercom.data_key: every request would be refused. Set "
                    f"{variable('intercom.webhook_secrets')} for webhooks, "
                    f"{variable('intercom.data_key')} for connectors and Series, or both.",
                )
            )
        if keys and not is_set("intercom.workspace_id"):
            problems.append(_needed("intercom.workspace_id"))
    return problems


_NEEDS: dict[Purpose, tuple[str, ...]] = {
    "anything": (),
    "topics": ("kafka.bootstrap_servers",),
    "ingest": ("kafka.bootstrap_servers",),
    "worker": ("kafka.bootstrap_servers", "moengage.workspace_id", "moengage.api_key"),
    "run": ("moengage.workspace_id", "moengage.api_key"),
}


def listed(problems: Iterable[Problem]) -> str:
    """All of them, one a line."""
    lines = [str(problem) for problem in problems]
    if len(lines) == 1:
        return lines[0]
    return "\n".join([f"{len(lines)} settings are wrong:", *(f"  {line}" for line in lines)])


def _needed(name: str) -> Problem:
    setting = CATALOGUE[name]
    return Problem(
        name,
        "",
        f"not set. {setting.description} Set {setting.variable}, or {setting.key} in "
        f"[{setting.section}] of the file.",
    )


def _remedy(setting: Setting) -> str:
    if setting.default:
        return f"Correct it, or leave it out for the default, {setting.default}."
    return "Correct it, or leave it out."


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= MAX_SHOWN_CHARS else text[: MAX_SHOWN_CHARS - 1] + "…"


def _nearest(name: str) -> str | None:
    section, _, key = name.partition(".")
    if not key:
        close = difflib.get_close_matches(section, sections(), n=1)
        return close[0] if close else None
    same_key = [known for known in CATALOGUE if known.partition(".")[2] == key]
    close = difflib.get_close_matches(name, CATALOGUE, n=1, cutoff=0.75) or same_key
    return close[0] if close else None
