"""What can be wrong with settings, in words: the field, where it comes from, the value, the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from pydantic_core import ErrorDetails

from moebridge.configuration_names import SECTIONS, TABLE, setting_name
from moebridge.setting_catalogue import CATALOGUE, Setting, sections, setting, variable
from moebridge.settings import Settings

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
    name = name_of(error)
    wrong = setting(name)
    if wrong is None:
        return Problem(name, origin, f"expected a table of settings: [{name}]")
    text = f"expected {wrong.expects}"
    if wrong.secret:
        text += "; the value is not shown"
    else:
        text += f", got {_shown(given)}"
    if error["type"] == "value_error" and "ctx" in error:
        text += f" ({error['ctx']['error']})"
    return Problem(name, origin, f"{text}. {_remedy(wrong)}")


def name_of(error: ErrorDetails) -> str:
    """The setting that the model refuses, or the table."""
    depth = 4 if error["loc"][:1] == (TABLE,) else 2
    return ".".join(str(part) for part in error["loc"][:depth])


def unknown_name(name: str, origin: str, *, in_environment: bool, config: str = "") -> Problem:
    """A setting that does not exist, with the one that may be meant. Its value is never shown.

    ``name`` is that within the further configuration ``config``, where there is one.
    """
    meant = _nearest(name, SECTIONS if config else (*sections(), TABLE))
    if config:
        name, meant = setting_name(config, name), meant and setting_name(config, meant)
    if meant is None:
        remedy = "Take it out; docs/settings.md lists what there is."
    elif in_environment:
        remedy = f"Did you mean {variable(meant)}?"
    elif found := setting(meant):
        remedy = f"Did you mean {found.key} in [{found.section}]?"
    else:
        remedy = f"Did you mean [{meant}]?"
    return Problem(name, origin, f"there is no such setting. {remedy}")


def missing(
    purpose: Purpose, is_set: Callable[[str], bool], configurations: Iterable[str] = ()
) -> list[Problem]:
    """What the purpose needs and nobody has set, in the default configuration or a further one."""
    problems = [_needed(name) for name in _NEEDS[purpose] if not is_set(name)]
    problems += _no_way_in(purpose, is_set, lambda plain: plain)
    for config in configurations:
        named = partial(setting_name, config)
        inner = [named(plain) for plain in _NEEDS[purpose] if plain.partition(".")[0] in SECTIONS]
        problems += [_needed(name) for name in inner if not is_set(name)]
        problems += _no_way_in(purpose, is_set, named)
    return problems


def _no_way_in(
    purpose: Purpose, is_set: Callable[[str], bool], named: Callable[[str], str]
) -> list[Problem]:
    """What Intercom needs to be let in; ``named`` gives the name of a setting of the configuration."""
    if purpose not in ("ingest", "run"):
        return []
    secrets, key, workspace = (
        named(f"intercom.{one}") for one in ("webhook_secrets", "data_key", "workspace_id")
    )
    keys = is_set(key) or is_set(named("intercom.data_keys"))
    if keys:
        return [] if is_set(workspace) else [_needed(workspace)]
    if is_set(secrets):
        return []
    text = (
        f"not set, nor is {key}: every request would be refused. Set {variable(secrets)} for webhooks, "
        f"{variable(key)} for connectors and Series, or both."
    )
    return [Problem(secrets, "", text)]


def clashes(settings: Settings, origin_of: Callable[[str], str]) -> list[Problem]:
    """Configurations that cannot be told apart: by name, or by the secret that signs their webhooks.

    ``origin_of`` gives the origin of a setting or a table, "" where it is not known.
    """
    problems = []
    default = settings.ingest.config_name
    for config in settings.configurations:
        if config == default.lower():
            name = f"{TABLE}.{config}"
            text = (
                "this is the name of the default configuration (ingest.config_name), whose settings "
                f"stand in {', '.join(f'[{section}]' for section in SECTIONS)}. Give it another name."
            )
            problems.append(Problem(name, origin_of(name), text))
    owners: dict[str, str] = {}
    for config, one in settings.by_name().items():
        plain = "intercom.webhook_secrets"
        name = plain if config == default else setting_name(config, plain)
        for secret in one.intercom.webhook_secrets:
            owner = owners.setdefault(secret.get_secret_value(), name)
            if owner != name:
                text = (
                    f"one of them is also in {owner}, so a webhook would not tell which configuration "
                    "it belongs to; the value is not shown. Take it out of one of the two: each Intercom "
                    "app has a client secret of its own."
                )
                problems.append(Problem(name, origin_of(name), text))
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
    needed = setting(name)
    assert needed is not None
    return Problem(
        name,
        "",
        f"not set. {needed.description} Set {needed.variable}, or {needed.key} in "
        f"[{needed.section}] of the file.",
    )


def _remedy(setting: Setting) -> str:
    if setting.default:
        return f"Correct it, or leave it out for the default, {setting.default}."
    return "Correct it, or leave it out."


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= MAX_SHOWN_CHARS else text[: MAX_SHOWN_CHARS - 1] + "…"


def _nearest(name: str, within: Iterable[str]) -> str | None:
    """The section or ``section.key`` that may be meant, of these sections."""
    known = [one for one in CATALOGUE if CATALOGUE[one].section in within]
    section, _, key = name.partition(".")
    if not key:
        close = difflib.get_close_matches(section, within, n=1)
        close = close or [one for one in known if CATALOGUE[one].key == name]
    else:
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
        close = close or [one for one in known if CATALOGUE[one].key == key]
    return close[0] if close else None
