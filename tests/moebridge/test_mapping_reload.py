"""A changed mapping takes over, a broken one does not; files, tests and metrics are real."""

from __future__ import annotations

import asyncio
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from events.times import iso_utc
from mappings.errors import FileTestsFailed, InvalidRule, RulesNotFound
from moebridge.mapping_reload import MappingReload, Mappings, checked_rules
from moebridge.settings import MappingSettings
from streams.metrics import Metrics

NOW_MS = 1_768_000_000_000


def rule(event: str, *, expected: str | None = None) -> str:
    """A rule that makes an event, and its test, which fails where another one is expected."""
    return f"""
rules:
  - {{name: own, when: contact, event: {event}}}
tests:
  - name: an event
    given: [{{topic: contact.user.created, item: {{id: c1, email: mira@brook.example}}}}]
    expect: [{{event: {expected or event}, customer_id: "intercom:c1"}}]
"""


class Running:
    """The mappings of two configurations, one of the shipped rules alone, and what is told of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registry = CollectorRegistry()
        own = MappingSettings(path=folder, reload_s=0)
        self.mappings = Mappings({"own": own, "shipped": MappingSettings()})
        self.reload = MappingReload(self.mappings, Metrics(self.registry), now_ms=lambda: NOW_MS)

    def write(self, text: str, name: str = "own.yaml") -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / name).write_text(text)

    async def looks(self, times: int = 2) -> None:
        for _ in range(times):
            await self.reload.look()

    @property
    def version(self) -> str:
        return self.mappings("own").version

    @property
    def event(self) -> str:
        return self.mappings("own").rules[-1].event_name

    @property
    def refused(self) -> Any:
        return self.mappings.document()["own"]["refused"]

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, {"config": "own", **labels})


@pytest.fixture
def running(tmp_path: Path) -> Running:
    folder = tmp_path / "mapping"
    folder.mkdir()
    (folder / "own.yaml").write_text(rule("first"))
    return Running(folder)


async def test_a_change_takes_over_once_two_looks_saw_it(running: Running) -> None:
    first, shipped = running.version, running.mappings("shipped")
    running.write(rule("second"))
    await running.looks(1)
    assert (running.event, running.version) == ("first", first)
    await running.looks(1)
    assert running.event == "second"
    assert running.mappings("shipped") is shipped
    assert running.mappings.document()["own"] == {
        "version": running.version,
        "since": iso_utc(NOW_MS),
        "path": str(running.folder),
        "refused": None,
    }
    assert running.metric("moebridge_mapping_info", version=running.version) == 1
    assert running.metric("moebridge_mapping_info", version=first) is None
    assert running.metric("moebridge_mapping_reloads_total", outcome="switched") == 1


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("rules: {", "own.yaml:2: not YAML"),
        ("", "own.yaml:1: the file is empty"),
        (rule("second").replace("when: contact", "when: contacts"), "own.yaml:3: rules[0].when: unknown"),
        (rule("second", expected="third"), "1 of 1 tests in the rule files failed: own.yaml:5 an event"),
        (rule("second").replace("given", "give"), "own.yaml:6: tests[0].give: unknown key"),
    ],
    ids=["no YAML", "empty", "a rule", "a test fails", "a test"],
)
async def test_a_broken_change_is_refused_with_the_reason(
    running: Running, broken: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = running.version
    running.write(broken)
    await running.looks(5)
    assert (running.event, running.version) == ("first", first)
    assert running.refused["reason"].startswith(reason)
    assert running.refused["at"] == iso_utc(NOW_MS)
    assert running.metric("moebridge_mapping_refused") == 1
    assert running.metric("moebridge_mapping_reloads_total", outcome="refused") == 1
    [said] = [one for one in caplog.messages if "refused" in one]
    assert reason in said
    assert first in said
    assert "mira@" not in caplog.text


async def test_after_a_broken_change_comes_the_mended_one_or_the_old_one_again(running: Running) -> None:
    running.write("rules: [")
    await running.looks()
    running.write(rule("first"))
    await running.looks(1)
    assert running.refused is None
    assert running.metric("moebridge_mapping_refused") == 0
    assert running.metric("moebridge_mapping_reloads_total", outcome="switched") is None
    running.write("rules: {")
    await running.looks()
    assert running.refused is not None
    running.write(rule("mended"))
    await running.looks()
    assert (running.event, running.refused) == ("mended", None)
    assert running.metric("moebridge_mapping_refused") == 0


async def test_a_folder_that_is_gone_leaves_the_mapping_in_force(running: Running) -> None:
    shutil.rmtree(running.folder)
    await running.looks()
    assert running.event == "first"
    assert running.refused["reason"].startswith(f"{running.folder}: ")
    running.write(rule("back"))
    await running.looks()
    assert (running.event, running.refused) == ("back", None)


async def test_files_come_and_go(running: Running) -> None:
    running.write("rules: [{name: more, when: contact, event: more}]", "two.yaml")
    await running.looks()
    # The test of the first file expects one event: files are judged together.
    assert "own.yaml:5 an event" in running.refused["reason"]
    running.write("rules: [{name: more, when: ticket, event: more}]", "two.yaml")
    await running.looks()
    assert running.event == "more"
    (running.folder / "two.yaml").unlink()
    await running.looks()
    assert running.event == "first"


async def test_what_editors_keep_beside_a_file_is_none_of_the_mapping(running: Running) -> None:
    first = running.version
    (running.folder / ".#own.yaml").symlink_to("mira@desk.4711")
    running.write("rules: [", ".own.yaml")
    running.write("rules: [", "own.yaml~")
    await running.looks()
    assert (running.version, running.refused) == (first, None)


async def test_a_swapped_link_is_a_change(running: Running, tmp_path: Path) -> None:
    """As Kubernetes brings a new config map: the files are links through one that is swapped."""
    folder = tmp_path / "mounted"
    folder.mkdir()
    for name in ("first", "second"):
        (folder / f"..{name}").mkdir()
        (folder / f"..{name}" / "own.yaml").write_text(rule(name))
    (folder / "..data").symlink_to("..first")
    (folder / "own.yaml").symlink_to("..data/own.yaml")
    mounted = Running(folder)
    (folder / "..next").symlink_to("..second")
    (folder / "..next").rename(folder / "..data")
    await mounted.looks()
    assert mounted.event == "second"


async def test_a_mapping_that_extends_the_shipped_one(running: Running) -> None:
    running.write("extends: default\n")
    await running.looks()
    shipped = running.mappings("shipped")
    assert [one.name for one in running.mappings("own").rules] == [one.name for one in shipped.rules]
    assert running.version != shipped.version
    running.write("extends: default\ndisable: [contact]\n")
    await running.looks()
    assert len(running.mappings("own").rules) == len(shipped.rules) - 1


async def test_tests_run_under_the_identity_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(rule("first"))
    mapping = MappingSettings(path=tmp_path, identity=("email", "intercom_id"))
    with pytest.raises(FileTestsFailed, match=r"1 of 1 tests in the rule files failed: own.yaml:5"):
        Mappings({"own": mapping})
    (tmp_path / "own.yaml").write_text(rule("first").replace('"intercom:c1"', "mira@brook.example"))
    assert Mappings({"own": mapping})("own").identity == mapping.identity


@pytest.mark.parametrize(("text", "error"), [("rules: [", InvalidRule), (None, RulesNotFound)])
def test_nothing_starts_on_a_broken_mapping(
    tmp_path: Path, text: str | None, error: type[Exception]
) -> None:
    if text is not None:
        (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(error):
        Mappings({"own": MappingSettings(path=tmp_path)})


async def test_whoever_asks_is_answered_at_once(running: Running) -> None:
    looking = asyncio.create_task(running.reload.run())
    switched = asyncio.Event()
    noticing = logging.Handler()
    noticing.emit = lambda record: switched.set()  # type: ignore[method-assign]
    logger = logging.getLogger("moebridge.mapping_reload")
    logger.addHandler(noticing)
    logger.setLevel(logging.INFO)
    try:
        running.write(rule("second"))
        running.reload.ask()
        await asyncio.wait_for(switched.wait(), 10)
        assert running.event == "second"
    finally:
        logger.removeHandler(noticing)
        logger.setLevel(logging.NOTSET)
        looking.cancel()


async def test_an_error_of_ours_refuses_the_mapping_and_quotes_nothing(
    running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    address = "mira@brook.example"

    def broken(*_: object) -> None:
        raise ZeroDivisionError(address)

    monkeypatch.setattr("moebridge.mapping_reload.run_folder_tests", broken)
    running.write(rule("second"))
    await running.looks()
    assert running.event == "first"
    assert (
        running.refused["reason"]
        == "ZeroDivisionError while it was compiled and tested; the log says where"
    )
    assert "in broken" in caplog.text
    assert address not in caplog.text


def test_the_shipped_rules_alone_are_not_tested_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moebridge.mapping_reload.run_folder_tests", pytest.fail)
    assert checked_rules({"own.yaml": b"extends: default"}, MappingSettings()).rules
