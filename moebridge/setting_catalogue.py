"""Every setting, one row each: for messages, for ``config check``, and for docs/settings.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from moebridge.setting_kinds import expectation, is_secret
from moebridge.settings import ENV_DELIMITER, ENV_PREFIX, Section, Settings


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. ``name`` is ``section.key``; ``default`` is as it would be written, "" for none."""

    name: str
    expects: str
    default: str
    description: str
    secret: bool

    @property
    def section(self) -> str:
        """The table of the file."""
        return self.name.partition(".")[0]

    @property
    def key(self) -> str:
        """The name within the table."""
        return self.name.partition(".")[2]

    @property
    def variable(self) -> str:
        """The environment variable."""
        return variable(self.name)


def variable(name: str) -> str:
    """The environment variable of ``section.key``."""
    return ENV_PREFIX + name.replace(".", ENV_DELIMITER).upper()


def sections() -> dict[str, type[Section]]:
    """The sections by name, in the order of the model."""
    found = {}
    for name, field in Settings.model_fields.items():
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


def value_of(settings: Settings, name: str) -> Any:
    """The value of ``section.key``."""
    section, _, key = name.partition(".")
    return getattr(getattr(settings, section), key)


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
    return "\n".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*.yaml", "`*.yaml`")
