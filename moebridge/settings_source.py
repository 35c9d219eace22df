"""Reading the settings: where they come from, and every problem with them at once.

The environment (``MOEBRIDGE_SECTION__KEY``) wins over the file; an empty variable counts as not set.
The file is the one that is named, else $MOEBRIDGE_CONFIG, else ./moebridge.toml where there is one.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsError,
)

from moebridge import kafka_security
from moebridge.configuration_names import (
    SECTIONS,
    TABLE,
    in_lower_case,
    parts_of,
    setting_name,
    twice,
    why_not,
)
from moebridge.errors import SettingsInvalid
from moebridge.secret_files import with_secret_files
from moebridge.setting_catalogue import CATALOGUE, sections, setting
from moebridge.setting_problems import (
    Problem,
    Purpose,
    clashes,
    listed,
    missing,
    name_of,
    unknown_name,
    wrong_value,
)
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

    def is_set(name: str) -> bool:
        return given.get(name) not in (None, "", [])

    try:
        settings = _read(document.tables, environment.variables)
        problems += clashes(settings, partial(_origin_of, origins))
        problems += kafka_security.problems(settings.kafka, is_set)
    except ValidationError as error:
        found: dict[str, Problem] = {}
        told = {problem.name for problem in problems}
        for details in error.errors(include_url=False):
            name = name_of(details)
            if details["type"] == "extra_forbidden" or name in told:
                continue  # in the lists of unknown names
            origin = origins.get(name) or str(path)
            found.setdefault(name, wrong_value(details, origin, given.get(name)))
        problems += found.values()
    except SettingsError:
        if not problems:  # a variable that is named like a section is among them
            raise
    named = [parts.config for name in given if (parts := parts_of(name))]
    configurations = dict.fromkeys([*(settings.configurations if settings else ()), *named])
    problems += missing(purpose, is_set, configurations)
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


def _read(tables: Mapping[str, Any], variables: Mapping[str, str]) -> Settings:
    """The settings from the environment's variables and from the tables of the file."""

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
            assert isinstance(env_settings, EnvSettingsSource)
            env_settings.env_vars = {name.lower(): value for name, value in variables.items() if value}
            return env_settings, InitSettingsSource(settings_cls, dict(tables))

    return FromHere()


@dataclass(slots=True)
class _Found:
    """What one place tells.

    ``tables`` are those of the file, with configurations in lower case; ``variables`` the environment's,
    with the secrets that files hold.
    """

    origins: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    tables: dict[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)

    def take(self, name: str, origin: str, value: Any) -> bool:
        """Note a setting; False where there is none of that name."""
        known = setting(name) is not None
        if known:
            self.origins[name], self.values[name] = origin, value
        return known


def _origin_of(origins: Mapping[str, str], name: str) -> str:
    """Where a setting comes from, or the first setting of a table."""
    return next((origin for one, origin in origins.items() if f"{one}.".startswith(f"{name}.")), "")


def _in_environment() -> _Found:
    """The variables that are ours. Kubernetes puts others of our prefix there (``…_PORT=tcp://…``)."""
    environment = with_secret_files(os.environ)
    found = _Found(problems=list(environment.problems), variables=environment.variables)
    for problem in environment.problems:
        found.take(problem.name, problem.origin, problem.origin)  # it is set, if to nothing of use
    one_underscore = {row.variable.replace(ENV_DELIMITER, "_"): row for row in CATALOGUE.values()}
    for given, value in environment.variables.items():
        upper = given.upper()
        variable = environment.origins.get(given, given)
        if not upper.startswith(ENV_PREFIX) or upper == CONFIG_VARIABLE or not value:
            continue
        section, *keys = upper.removeprefix(ENV_PREFIX).lower().split(ENV_DELIMITER)
        name = ".".join((section, *keys))
        if section == TABLE:
            _configuration_variable(found, variable, keys, value)
        elif found.take(name, variable, value):
            continue
        elif keys:
            found.problems.append(unknown_name(name, variable, in_environment=True))
        elif section in sections():
            found.problems.append(_no_setting(section, variable, "a section"))
        elif upper in one_underscore and not re.match(r"(tcp|udp|sctp)://", value):
            meant = one_underscore[upper]
            text = f"section and key are parted by two underscores. Did you mean {meant.variable}?"
            found.problems.append(Problem(meant.name, variable, text))
    return found


def _configuration_variable(found: _Found, variable: str, keys: Sequence[str], value: str) -> None:
    """A variable of a further configuration; ``keys`` are the parts of its name."""
    config, plain = "".join(keys[:1]), ".".join(keys[1:])
    problem = why_not(config) if keys else None
    if problem is not None:
        found.problems.append(Problem(f"{TABLE}.{config}", variable, problem))
    elif plain in ("", *SECTIONS):
        name = ".".join((TABLE, *keys))
        found.problems.append(_no_setting(name, variable, "no setting itself"))
    elif not found.take(setting_name(config, plain), variable, value):
        found.problems.append(unknown_name(plain, variable, in_environment=True, config=config))


def _no_setting(name: str, variable: str, what: str) -> Problem:
    return Problem(name, variable, f"this is {what}; its settings are {variable.upper()}{ENV_DELIMITER}…")


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
        if section == TABLE and isinstance(table, dict):
            _configuration_tables(found, path, text, table)
        elif section not in (*sections(), TABLE):
            origin = _place(path, text, (section,))
            found.problems.append(unknown_name(section, origin, in_environment=False))
        elif isinstance(table, dict):
            for key, value in table.items():
                name, origin = f"{section}.{key}", _place(path, text, (section,), key)
                if not found.take(name, origin, value):
                    found.problems.append(unknown_name(name, origin, in_environment=False))
    found.tables = {
        name: in_lower_case(table) if name == TABLE and isinstance(table, dict) else table
        for name, table in document.items()
    }
    return found


def _configuration_tables(found: _Found, path: Path, text: str, tables: Mapping[str, Any]) -> None:
    """The tables of further configurations."""
    again = twice(tables)
    for config, inner in tables.items():
        at = (TABLE, config)
        problem = why_not(config)
        if config in again:
            problem = "is there twice: upper and lower case do not count. Give one of them another name."
        if problem is not None:
            found.problems.append(Problem(f"{TABLE}.{config}", _place(path, text, at), problem))
            continue
        for section, table in inner.items() if isinstance(inner, dict) else ():
            if section not in SECTIONS:
                origin = _place(path, text, at, section)
                found.problems.append(
                    unknown_name(section, origin, in_environment=False, config=config.lower())
                )
                continue
            for key, value in table.items() if isinstance(table, dict) else ():
                plain, origin = f"{section}.{key}", _place(path, text, (*at, section), key)
                if not found.take(setting_name(config.lower(), plain), origin, value):
                    found.problems.append(
                        unknown_name(plain, origin, in_environment=False, config=config.lower())
                    )


def _place(path: Path, text: str, table: Sequence[str], key: str = "") -> str:
    """``file:line`` where the line can be found (it is where keys stand under their table's header).

    Without a key, or where it is a table itself, the line of the first header that begins so.
    """
    current: tuple[str, ...] = ()
    wanted = (*table, key) if key else tuple(table)
    for number, line in enumerate(text.splitlines(), 1):
        header = _header(line)
        current = header or current
        in_place = current == tuple(table) and key and re.match(rf"\s*{re.escape(key)}\s*=", line)
        of_table = header is not None and header[: len(wanted)] == wanted
        at_top = (current, len(wanted)) == ((), 1) and re.match(
            rf"\s*{re.escape(wanted[0])}\s*[=.]", line
        )
        if in_place or of_table or at_top:
            return f"{path}:{number}"
    return str(path)


def _header(line: str) -> tuple[str, ...] | None:
    """The names of a table's header, None for another line: ``[a."b.c"]`` is ("a", "b.c")."""
    if not line.lstrip().startswith("["):
        return None
    try:
        names, table = [], tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return None  # a line of a list
    while isinstance(table, dict) and table:
        [(name, table)] = table.items()
        names.append(name)
    return tuple(names)
