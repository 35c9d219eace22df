"""Reading the settings: where they come from, and every problem with them at once.

The environment (``MOEBRIDGE_SECTION__KEY``) wins over the file; an empty variable counts as not set.
The file is the one that is named, else $MOEBRIDGE_CONFIG, else ./moebridge.toml where there is one.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsError,
    TomlConfigSettingsSource,
)

from moebridge.errors import SettingsInvalid
from moebridge.setting_catalogue import CATALOGUE, sections
from moebridge.setting_problems import Problem, Purpose, listed, missing, unknown_name, wrong_value
from moebridge.settings import ENV_DELIMITER, ENV_PREFIX, Settings

CONFIG_VARIABLE = "MOEBRIDGE_CONFIG"
DEFAULT_FILE = Path("moebridge.toml")


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings and, for those that are set, where they come from. ``file``: None where none was read."""

    settings: Settings
    origins: Mapping[str, str]
    file: Path | None


def load(file: Path | None = None, *, purpose: Purpose = "anything") -> Loaded:
    """Read the settings. Raises SettingsInvalid with all that is wrong, or missing for ``purpose``."""
    path = _choose(file)
    document, environment = _in_file(path), _in_environment()
    problems = [*document.problems, *environment.problems]
    origins = {**document.origins, **environment.origins}
    given = {**document.values, **environment.values}
    settings = None
    try:
        settings = _read(path)
    except ValidationError as error:
        found: dict[str, Problem] = {}
        for details in error.errors(include_url=False):
            if details["type"] == "extra_forbidden":
                continue  # in the lists of unknown names
            name = ".".join(str(part) for part in details["loc"][:2])
            origin = origins.get(name) or str(path)
            found.setdefault(name, wrong_value(details, origin, given.get(name)))
        problems += found.values()
    except SettingsError:
        if not problems:  # a variable that is named like a section is among them
            raise
    problems += missing(purpose, lambda name: given.get(name) not in (None, "", []))
    if problems or settings is None:
        raise SettingsInvalid(listed(problems))
    return Loaded(settings, origins, path)


def _choose(file: Path | None) -> Path | None:
    named = os.environ.get(CONFIG_VARIABLE)
    if file is None and named:
        file = Path(named)
        if not file.is_file():
            raise SettingsInvalid(f"{CONFIG_VARIABLE}: no file at {named!r}; correct or unset it")
    if file is None:
        return DEFAULT_FILE if DEFAULT_FILE.is_file() else None
    if not file.is_file():
        raise SettingsInvalid(f"--config: no file at {str(file)!r}")
    return file


def _read(path: Path | None) -> Settings:
    class FromHere(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            if path is None:
                return (env_settings,)
            return env_settings, TomlConfigSettingsSource(settings_cls, path)

    return FromHere()


@dataclass(slots=True)
class _Found:
    origins: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def _in_environment() -> _Found:
    """The variables that are ours. Kubernetes puts others of our prefix there (``…_PORT=tcp://…``)."""
    found = _Found()
    one_underscore = {row.variable.replace(ENV_DELIMITER, "_"): row for row in CATALOGUE.values()}
    for variable, value in os.environ.items():
        upper = variable.upper()
        if not upper.startswith(ENV_PREFIX) or upper == CONFIG_VARIABLE or not value:
            continue
        section, delimiter, key = upper.removeprefix(ENV_PREFIX).lower().partition(ENV_DELIMITER)
        name = f"{section}.{key}"
        if name in CATALOGUE:
            found.origins[name], found.values[name] = variable, value
        elif delimiter:
            found.problems.append(unknown_name(name, variable, in_environment=True))
        elif section in sections():
            text = f"this is a section; its settings are {upper}{ENV_DELIMITER}…"
            found.problems.append(Problem(section, variable, text))
        elif upper in one_underscore and not re.match(r"(tcp|udp|sctp)://", value):
            meant = one_underscore[upper]
            text = f"section and key are parted by two underscores. Did you mean {meant.variable}?"
            found.problems.append(Problem(meant.name, variable, text))
    return found


def _in_file(path: Path | None) -> _Found:
    found = _Found()
    if path is None:
        return found
    try:
        text = path.read_text("utf-8")
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{path}: not TOML: {error}") from None
    except OSError as error:
        raise SettingsInvalid(f"{path}: cannot be read: {error.strerror}") from None
    for section, table in document.items():
        if section not in sections():
            origin = _place(path, text, section, None)
            found.problems.append(unknown_name(section, origin, in_environment=False))
        elif isinstance(table, dict):
            for key, value in table.items():
                name, origin = f"{section}.{key}", _place(path, text, section, key)
                if name in CATALOGUE:
                    found.origins[name], found.values[name] = origin, value
                else:
                    found.problems.append(unknown_name(name, origin, in_environment=False))
    return found


def _place(path: Path, text: str, section: str, key: str | None) -> str:
    """``file:line`` where the line can be found (it is where keys stand under their table's header)."""
    current = ""
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[\s*([A-Za-z0-9_-]+)\s*\]", line)
        current = header[1] if header else current
        if key is None:
            here = current == section or re.match(rf"\s*{re.escape(section)}\s*[=.]", line)
        else:
            here = current == section and re.match(rf"\s*{re.escape(key)}\s*=", line)
        if here:
            return f"{path}:{number}"
    return str(path)
