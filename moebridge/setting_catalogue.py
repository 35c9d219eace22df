"""Every setting, one row each: for messages, for ``config check``, and for docs/settings.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from moebridge.configuration_names import SECTIONS, TABLE, parts_of, setting_name, table_of
from moebridge.setting_kinds import expectation, is_secret
from moebridge.settings import (
    ENV_DELIMITER,
    ENV_PREFIX,
    ConfigurationSettings,
    Section,
    Settings,
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. ``default`` is as it would be written, "" for none.

    ``name`` is ``section.key``, or ``configurations.NAME.section.key``.
    """

    name: str
    expects: str
    default: str
    description: str
    secret: bool

    @property
    def section(self) -> str:
        """The table of the file."""
        parts = parts_of(self.name)
        return table_of(parts.config, parts.section) if parts else self.name.partition(".")[0]

    @property
    def key(self) -> str:
        """The name within the table."""
        return self.name.rpartition(".")[2]

    @property
    def variable(self) -> str:
        """The environment variable."""
        return variable(self.name)


def variable(name: str) -> str:
    """The environment variable of a setting."""
    parts = parts_of(name)
    words = [TABLE, *parts] if parts else name.split(".")
    return ENV_PREFIX + ENV_DELIMITER.join(words).upper()


def sections() -> dict[str, type[Section]]:
    """The sections by name, in the order of the model."""
    found = {}
    for name, field in Settings.model_fields.items():
        if name == TABLE:
            continue
        assert isinstance(field.annotation, type)
        assert issubclass(field.annotation, Section)
        found[name] = field.annotation
    return found


def _settings() -> Iterator[Setting]:
    for section, model in sections().items():
        for key, field in model.model_fields.items():
            yield Setting(
                name=f"{section}.{key}",
                expects=expectation(field),
                default=_default(field),
                description=field.description or "",
                secret=is_secret(field),
            )


def _default(field: FieldInfo) -> str:
    return "" if is_secret(field) else written(field.default)


def written(value: Any) -> str:
    """A value as one would write it in an environment variable; secrets as ``***``."""
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return "***" if value.get_secret_value() else ""
    if isinstance(value, tuple | list):
        return ",".join(written(part) for part in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    return value.as_posix() if isinstance(value, Path) else str(value)


#: By name, in the order of the model.
CATALOGUE = {setting.name: setting for setting in _settings()}


def setting(name: str) -> Setting | None:
    """The setting of this name, of further configurations too; None where there is none such."""
    if (own := CATALOGUE.get(name)) is not None:
        return own
    parts = parts_of(name)
    plain = CATALOGUE.get(parts.plain) if parts else None
    return replace(plain, name=name) if plain else None


def settings_of(settings: Settings) -> Iterator[Setting]:
    """Every setting that there is: the catalogue, then those of each further configuration."""
    yield from CATALOGUE.values()
    for config in settings.configurations:
        for one in CATALOGUE.values():
            if one.section in SECTIONS:
                yield replace(one, name=setting_name(config, one.name))


def value_of(settings: Settings, name: str) -> Any:
    """The value of a setting."""
    parts = parts_of(name)
    if parts:
        return getattr(getattr(settings.configurations[parts.config], parts.section), parts.key)
    section, _, key = name.partition(".")
    return getattr(getattr(settings, section), key)


def secrets_of(settings: Settings) -> frozenset[str]:
    """Every secret that is set."""
    values: list[str] = []
    for one in settings_of(settings):
        if one.secret:
            value = value_of(settings, one.name)
            several = value if isinstance(value, tuple) else (value,)
            values += [secret.get_secret_value() for secret in several]
    return frozenset(values) - {""}


def markdown() -> str:
    """The tables of docs/settings.md."""
    parts = []
    for section, model in sections().items():
        rows = [setting for setting in CATALOGUE.values() if setting.section == section]
        parts += [f"### `[{section}]`", "", (model.__doc__ or "").strip(), ""]
        parts += ["| setting | takes | default | |", "|---|---|---|---|"]
        parts += [
            f"| `{row.key}` | {_cell(row.expects)} | {f'`{row.default}`' if row.default else ''} "
            f"| {_cell(row.description)} |"
            for row in rows
        ]
        parts.append("")
    tables = ", ".join(f"`[{TABLE}.NAME.{section}]`" for section in SECTIONS)
    links = ", ".join(f"[`[{section}]`](#{section})" for section in SECTIONS)
    parts += [f"### {tables}", "", _joined(ConfigurationSettings.__doc__), ""]
    parts += [f"They take the settings of {links}.", ""]
    return "\n".join(parts)


def _joined(text: str | None) -> str:
    return " ".join((text or "").split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*.yaml", "`*.yaml`")
