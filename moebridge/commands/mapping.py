"""``moebridge mapping``: look at a mapping before it is live. Needs no broker and no settings."""

from __future__ import annotations

from pathlib import Path

import click

from events.codec import decode_object
from events.errors import InvalidData
from mappings.lint import finding_lines, lint
from mappings.payloads import envelopes
from mappings.rules import DEFAULT_IDENTITY, RuleSet, load
from moebridge.commands.options import debug_option
from moebridge.errors import UnreadablePayload
from streams.rehearsal import difference, preview_lines, result_lines, run_tests

_FOLDER = click.Path(path_type=Path, exists=True)
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_IDENTITY = click.option(
    "--identity",
    default=",".join(DEFAULT_IDENTITY),
    show_default=True,
    help="What makes a customer_id, as the setting mapping.identity.",
)


@click.group()
def mapping() -> None:
    """Check, test, preview and compare mappings."""


@mapping.command("lint")
@click.argument("folder", type=_FOLDER, required=False)
@debug_option
def lint_folder(folder: Path | None) -> None:
    """Name what is wrong in the rule files of FOLDER, or in the shipped ones; exit code 1 for errors."""
    findings = lint(folder)
    click.echo("\n".join(finding_lines(findings)))
    raise SystemExit(any(finding.severity == "error" for finding in findings))


@mapping.command("test")
@click.argument("folder", type=_FOLDER, required=False)
@_IDENTITY
@debug_option
def test_folder(folder: Path | None, identity: str) -> None:
    """Run the tests in the rule files of FOLDER, or in the shipped ones; exit code 1 where one fails."""
    results = run_tests(folder, identity=_sources(identity))
    click.echo("\n".join(result_lines(results)))
    raise SystemExit(not all(result.passed for result in results))


@mapping.command()
@click.option("--topic", required=True, help="Intercom's topic, or partner.user, or partner.event.")
@click.option("--mapping", "folder", type=_FOLDER, help="Else ./mapping, else the shipped rules.")
@click.argument("payload", type=_FILE)
@_IDENTITY
@debug_option
def preview(topic: str, folder: Path | None, payload: Path, identity: str) -> None:
    """Show what MoEngage would get for the payload in the file PAYLOAD."""
    here = Path("mapping")
    rules = load(folder or (here if here.is_dir() else None), identity=_sources(identity))
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
@_IDENTITY
@debug_option
def diff(old: str, new: str, recorded: Path, examples: int, identity: str) -> None:
    """Count what recorded events become under OLD and NEW; `default` names the shipped mapping."""
    lines = enumerate(recorded.read_bytes().splitlines(), start=1)
    payloads = [_read(f"{recorded}:{number}", line) for number, line in lines if line.strip()]
    sets = _named(old, identity), _named(new, identity)
    compared = difference(*sets, envelopes(payloads), examples=examples)
    click.echo("\n".join(compared.lines()))


def _named(name: str, identity: str) -> RuleSet:
    return load(None if name == "default" else Path(name), identity=_sources(identity))


def _sources(identity: str) -> list[str]:
    return [source.strip() for source in identity.split(",")]


def _read(place: object, raw: bytes) -> dict[str, object]:
    try:
        return decode_object(raw)
    except InvalidData as error:
        raise UnreadablePayload(str(place), str(error)) from None
