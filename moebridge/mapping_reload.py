"""The mappings in force, by configuration, and how changed rule files take over while a worker runs.

A poll reads the files; what is new and stays so is compiled and its own tests are run, in a thread, and
the rule set takes over with the next chunk. What does not compile, fails its tests or is gone is refused,
and the old rule set stays (docs/decisions/0013-mapping-reload.md). ``mapping_watch`` judges what is seen.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from events.errors import MoebridgeError
from events.times import iso_utc
from mappings.errors import FileTestsFailed, RulesNotFound
from mappings.rule_files import read_folder
from mappings.rule_folder import SHIPPED, rule_folder
from mappings.rules import RuleSet, compile_folder
from moebridge.mapping_watch import Seen, Watch
from moebridge.settings import MappingSettings
from streams.metrics import Metrics
from streams.rehearsal import run_folder_tests

log = logging.getLogger(__name__)


def rule_files(mapping: MappingSettings) -> Mapping[str, bytes]:
    """The rule files of a configuration, as read, by name. Raises RulesNotFound."""
    return read_folder(mapping.path or SHIPPED)


def checked_rules(files: Mapping[str, bytes], mapping: MappingSettings) -> RuleSet:
    """The rules of these files, which have passed the tests in them. Raises MappingError.

    The shipped rules on their own are not tested again: nobody changes them between two versions.
    """
    folder = rule_folder(files)
    rules = compile_folder(
        folder, identity=mapping.identity, merges=mapping.merges, deletes=mapping.deletes
    )
    if mapping.path is not None:
        results = run_folder_tests(rules, folder)
        failed = [f"{one.file}:{one.line} {one.name}" for one in results if not one.passed]
        if failed:
            raise FileTestsFailed(failed, len(results))
    return rules


class InForce:
    """One configuration: its rule set, and what became of its files since. Times in ms."""

    def __init__(self, mapping: MappingSettings) -> None:
        files = rule_files(mapping)
        self.mapping = mapping
        self.rules = checked_rules(files, mapping)
        self.watch = Watch(files)
        self.since: int | None = None  # None: from the start of the process
        self.refusal: str | None = None
        self.refused_at = 0


class Mappings:
    """The rule set of every configuration; what WorkerConfig.rules wants.

    Called with a configuration's name at the start of each chunk. Raises MappingError where a mapping
    cannot be used.
    """

    def __init__(self, mappings: Mapping[str, MappingSettings]) -> None:
        self._in_force = {name: InForce(mapping) for name, mapping in mappings.items()}

    def __call__(self, config: str) -> RuleSet:
        return self._in_force[config].rules

    def items(self) -> list[tuple[str, InForce]]:
        """By configuration."""
        return list(self._in_force.items())

    def document(self) -> dict[str, Any]:
        """What ``/mapping`` shows. ``refused`` is null, or says why the files are not in use."""
        return {name: _document(one) for name, one in self._in_force.items()}


class MappingReload:
    """Keeps the mappings of a running worker up to date."""

    def __init__(self, mappings: Mappings, metrics: Metrics, *, now_ms: Callable[[], int]) -> None:
        self._mappings = mappings
        self._metrics = metrics
        self._now_ms = now_ms
        self._asked = {name: asyncio.Event() for name, _ in mappings.items()}
        for name, one in mappings.items():
            metrics.set("moebridge_mapping_info", 1, config=name, version=one.rules.version)
            metrics.set("moebridge_mapping_refused", 0, config=name)

    def ask(self) -> None:
        """Look at once, and trust what is there: the files are as they shall be."""
        for asked in self._asked.values():
            asked.set()

    async def run(self) -> None:
        """Look as often as each configuration says, and when asked, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name, one in self._mappings.items():
                if one.mapping.path is not None:
                    group.create_task(self._follow(name, one, self._asked[name]))
            await asyncio.Event().wait()

    async def look(self, *, at_once: bool = False) -> None:
        """Read the files of every configuration once, and change what is to be changed."""
        for name, one in self._mappings.items():
            if one.mapping.path is not None:
                await self._look(name, one, at_once)

    async def _follow(self, name: str, one: InForce, asked: asyncio.Event) -> None:
        while True:
            try:
                async with asyncio.timeout(one.mapping.reload_s or None):
                    await asked.wait()
            except TimeoutError:
                pass
            at_once = asked.is_set()
            asked.clear()
            await self._look(name, one, at_once)

    async def _look(self, name: str, one: InForce, at_once: bool) -> None:
        seen = await asyncio.to_thread(_read, one.mapping)
        match one.watch.judge(seen, at_once=at_once):
            case "withdrawn":
                one.refusal = None
                self._metrics.set("moebridge_mapping_refused", 0, config=name)
                log.info("mapping of %s: its files are version %s again", name, one.rules.version)
            case "try":
                await self._try(name, one, seen)
            case "nothing" if at_once:
                log.info("mapping of %s: version %s, as before", name, one.rules.version)

    async def _try(self, name: str, one: InForce, seen: Seen) -> None:
        try:
            if isinstance(seen, str):
                raise RulesNotFound(one.mapping.path or SHIPPED, seen)
            rules = await asyncio.to_thread(checked_rules, seen, one.mapping)
        except MoebridgeError as error:
            self._refuse(name, one, seen, str(error))
        except Exception as error:  # noqa: BLE001  # whatever a file brings out, the worker goes on
            # The message of an exception that is not ours may quote a test's payload.
            where = "".join(traceback.format_tb(error.__traceback__))
            reason = f"{type(error).__name__} while it was compiled and tested; the log says where"
            self._refuse(name, one, seen, reason, f"\n{where}")
        else:
            self._switch(name, one, seen, rules)

    def _switch(self, name: str, one: InForce, seen: Seen, rules: RuleSet) -> None:
        old, one.rules = one.rules.version, rules
        one.watch.took(seen)
        one.since, one.refusal = self._now_ms(), None
        self._metrics.remove("moebridge_mapping_info", config=name, version=old)
        self._metrics.set("moebridge_mapping_info", 1, config=name, version=rules.version)
        self._metrics.set("moebridge_mapping_refused", 0, config=name)
        self._metrics.count("moebridge_mapping_reloads_total", config=name, outcome="switched")
        log.info("mapping of %s: version %s takes over from %s", name, rules.version, old)

    def _refuse(self, name: str, one: InForce, seen: Seen, reason: str, where: str = "") -> None:
        one.watch.refused(seen)
        one.refusal, one.refused_at = reason, self._now_ms()
        self._metrics.set("moebridge_mapping_refused", 1, config=name)
        self._metrics.count("moebridge_mapping_reloads_total", config=name, outcome="refused")
        log.error(
            "mapping of %s: the changed files are refused, version %s stays: %s%s",
            name, one.rules.version, reason, where,
        )  # fmt: skip


def _read(mapping: MappingSettings) -> Seen:
    try:
        return rule_files(mapping)
    except RulesNotFound as error:
        return error.problem


def _document(one: InForce) -> dict[str, Any]:
    refused = None
    if one.refusal is not None:
        refused = {"at": iso_utc(one.refused_at), "reason": one.refusal}
    return {
        "version": one.rules.version,
        "since": None if one.since is None else iso_utc(one.since),
        "path": None if one.mapping.path is None else str(one.mapping.path),
        "refused": refused,
    }
