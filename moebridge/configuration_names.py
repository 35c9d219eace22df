"""Names of further configurations, and of their settings: ``configurations.NAME.section.key``.

Upper and lower case of a name do not count: environment variables are read without it, so a
configuration could not have part of its settings there and part in the file otherwise. Everywhere behind
the settings a name is in lower case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

from moebridge.settings import ConfigurationSettings

TABLE = "configurations"
SECTIONS = tuple(ConfigurationSettings.model_fields)

#: So that a name can be a part of a variable's name, whose parts two underscores divide.
ALLOWED = "1 to 100 of A-Z a-z 0-9 . _ -, the first and last no underscore, no two underscores in a row"

_ALLOWED = re.compile(r"(?!_)(?!.*__)[A-Za-z0-9._-]{1,100}(?<!_)", re.ASCII)
_NAME = re.compile(rf"{TABLE}\.(?P<config>.+)\.(?P<section>{'|'.join(SECTIONS)})\.(?P<key>\w+)", re.ASCII)


#: Gives the name of a setting of one configuration, from its name in the default one.
Named = Callable[[str], str]


class NameParts(NamedTuple):
    """A setting of a further configuration; ``plain`` is the name of the default one's."""

    config: str
    section: str
    key: str

    @property
    def plain(self) -> str:
        """``section.key``."""
        return f"{self.section}.{self.key}"


def parts_of(name: str) -> NameParts | None:
    """The parts of ``configurations.NAME.section.key``; None for any other name."""
    match = _NAME.fullmatch(name)
    return NameParts(match["config"], match["section"], match["key"]) if match else None


def setting_name(config: str, plain: str) -> str:
    """The name of a setting of a further configuration."""
    return f"{TABLE}.{config}.{plain}"


def naming(config: str, default: str) -> Named:
    """How the settings of a configuration are named, from the names in the ``default`` one."""
    return (lambda plain: plain) if config == default else partial(setting_name, config)


def table_of(config: str, section: str = "") -> str:
    """The table as it is written in the file, without brackets; a name with a dot stands in quotes."""
    written = f'"{config}"' if "." in config else config
    return ".".join(part for part in (TABLE, written, section) if part)


def why_not(config: str) -> str | None:
    """What is wrong with the name of a further configuration, with the remedy; None for nothing."""
    if config.lower() in SECTIONS:
        return f"the configuration's name is missing: write [{TABLE}.NAME.{config.lower()}]."
    if not _ALLOWED.fullmatch(config):
        return f"a configuration's name is {ALLOWED}. Choose another one."
    return None


def in_lower_case(tables: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of the file by their names in lower case; of names that then are equal, the last."""
    return {config.lower(): table for config, table in tables.items()}


def twice(configs: Iterable[str]) -> list[str]:
    """Names that are there before in other letters, upper or lower case."""
    seen: set[str] = set()
    again = []
    for config in configs:
        if config.lower() in seen:
            again.append(config)
        seen.add(config.lower())
    return again
