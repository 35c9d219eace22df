"""``moebridge mapping``: look at a mapping before it is live. Needs no broker.

Settings are read only where ``--config``, ``--config-name`` or ``live`` asks for them.
"""

from __future__ import annotations

from pathlib import Path

import click

from events.codec import decode_object
from events.envelope import Envelope
from events.errors import InvalidData, InvalidPayload
from mappings.lint import finding_lines, lint
from mappings.payloads import following
from mappings.rules import RuleSet, load
from moebridge.commands.options import config_name_option, config_option, configuration
from moebridge.errors import UnreadablePayload
from moebridge.settings import MappingSettings
from moebridge.settings_source import load as load_settings
from streams.rehearsal import difference, preview_lines, result_lines, run_tests

_FOLDER = click.Path(path_type=Path, exists=True)
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)

#: What `diff` calls the rules of the settings.
_LIVE = "live"


@click.group()
def mapping() -> None:
    """Check, test, preview and compare mappings."""


@mapping.command("lint")
@click.argument("folder", type=_FOLDER, required=False)
@config_option
@config_name_option("Without FOLDER, the rules of this configuration.")
def lint_folder(folder: Path | None, config_file: Path | None, config_name: str | None) -> None:
    """Name what is wrong in the rule files of FOLDER, or in the shipped ones; exit code 1 for errors."""
    findings = lint(folder or _configured(config_file, config_name).path)
    click.echo("\n".join(finding_lines(findings)))
    raise SystemExit(any(finding.severity == "error" for finding in findings))


@mapping.command("test")
@click.argument("folder", type=_FOLDER, required=False)
@config_option
@config_name_option("With the settings of this configuration's mapping; without FOLDER, its rules too.")
def test_folder(folder: Path | None, config_file: Path | None, config_name: str | None) -> None:
    """Run the tests in the rule files of FOLDER, or in the shipped ones; exit code 1 where one fails."""
    configured = _configured(config_file, config_name)
    results = run_tests(
        folder or configured.path,
        identity=configured.identity,
        merges=configured.merges,
        deletes=configured.deletes,
    )
    click.echo("\n".join(result_lines(results)))
    raise SystemExit(not all(result.passed for result in results))


@mapping.command()
@click.option("--topic", required=True, help="Intercom's topic, or partner.user, or partner.event.")
@click.option("--mapping", "folder", type=_FOLDER, help="Else ./mapping, else the shipped rules.")
@click.argument("payload", type=_FILE)
@config_option
@config_name_option(
    "With the settings of this configuration's mapping; without --mapping, its rules too."
)
def preview(
    topic: str,
    folder: Path | None,
    payload: Path,
    config_file: Path | None,
    config_name: str | None,
) -> None:
    """Show what MoEngage would get for the payload in the file PAYLOAD."""
    configured = _configured(config_file, config_name)
    asked = config_file is not None or config_name is not None
    if folder is None and not asked and Path("mapping").is_dir():
        folder = Path("mapping")
    rules = _load(folder or configured.path, configured)
    click.echo("\n".join(preview_lines(rules, topic, _read(payload, payload.read_bytes()))))


@mapping.command()
@click.argument("old")
@click.argument("new")
@click.option(
    "--from",
    "recorded",
    type=_FILE,
    required=True,
    help="Recorded events: JSON lines, each a notification or a payload as tests have it.",
)
@click.option("--examples", type=click.IntRange(0), default=5, show_default=True)
@config_option
@config_name_option("With the settings of this configuration's mapping; `live` names its rules.")
def diff(
    old: str,
    new: str,
    recorded: Path,
    examples: int,
    config_file: Path | None,
    config_name: str | None,
) -> None:
    """Count what recorded events become under OLD and NEW.

    `default` names the shipped mapping, `live` that of the settings.
    """
    configured = _configured(config_file, config_name, anyhow=_LIVE in (old, new))
    paths = {"default": None, _LIVE: configured.path}

    def named(name: str) -> RuleSet:
        return _load(paths.get(name, Path(name)), configured)

    compared = difference(named(old), named(new), _recorded(recorded), examples=examples)
    click.echo("\n".join(compared.lines()))


def _recorded(file: Path) -> list[Envelope]:
    """The events of a file of JSON lines."""
    told: list[Envelope] = []
    for number, line in enumerate(file.read_bytes().splitlines(), start=1):
        if line.strip():
            place = f"{file}:{number}"
            try:
                told.append(following(told, _read(place, line)))
            except InvalidPayload as error:
                raise UnreadablePayload(place, str(error)) from None
    return told


def _configured(config_file: Path | None, name: str | None, *, anyhow: bool = False) -> MappingSettings:
    """The mapping of a configuration; the shipped one where no settings are asked for."""
    if config_file is None and name is None and not anyhow:
        return MappingSettings()
    return configuration(load_settings(config_file).settings, name)[1].mapping


def _load(path: Path | None, configured: MappingSettings) -> RuleSet:
    """Any rules, with what else the mapping of a configuration says."""
    return load(path, identity=configured.identity, merges=configured.merges, deletes=configured.deletes)


def _read(place: object, raw: bytes) -> dict[str, object]:
    try:
        return decode_object(raw)
    except InvalidData as error:
        raise UnreadablePayload(str(place), str(error)) from None
