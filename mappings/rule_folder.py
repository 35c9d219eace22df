"""The rule files of an installation: a folder or one file, and the shipped rules where it extends them.

extends: default          the shipped rules come first; one whose name a rule here has is replaced
disable: [tags]           shipped rules that are left out, by name
rules: [...]              ``compiler``
tests: [...]              ``file_tests``; of no effect on what is mapped
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mappings.compiler import RULE_KEYS, rule_name
from mappings.rule_files import Entry, parse, read_folder

#: The rules that come with moebridge.
SHIPPED = Path(__file__).with_name("default")
SHIPPED_NAME = "default"

FILE_KEYS = ("extends", "disable", "rules", "tests")


@dataclass(frozen=True, slots=True)
class RuleFolder:
    """``files`` by name, as read; ``rules`` and ``tests`` in their order, not compiled yet."""

    files: Mapping[str, bytes]
    rules: tuple[Entry, ...]
    tests: tuple[Entry, ...]


def read_rule_folder(path: Path | None) -> RuleFolder:
    """Everything at ``path``; without one, the shipped rules. Raises RulesNotFound and InvalidRule."""
    return rule_folder(read_folder(SHIPPED if path is None else path))


def rule_folder(files: Mapping[str, bytes]) -> RuleFolder:
    """What these files say, by name and in the order of names; the shipped ones are read where they
    are extended. Raises InvalidRule."""
    trees = {name: parse(name, raw).mapping(FILE_KEYS) for name, raw in files.items()}
    for name, tree in trees.items():
        if not tree:
            raise parse(name, files[name]).wrong(f"expected one of {', '.join(FILE_KEYS)}")
    own = _entries(trees.values(), "rules")
    tests = _entries(trees.values(), "tests")
    replacing = _by_name(own)
    extending = [_extends(tree) for tree in trees.values()]
    if not any(extending):
        for tree in trees.values():
            if "disable" in tree:
                raise tree["disable"].wrong("only beside 'extends: default', here or in another file")
        return RuleFolder(files, own, tests)
    shipped_files = {f"{SHIPPED_NAME}/{name}": raw for name, raw in read_folder(SHIPPED).items()}
    shipped_trees = [parse(name, raw).mapping(FILE_KEYS) for name, raw in shipped_files.items()]
    shipped = _by_name(_entries(shipped_trees, "rules"))
    disabled = {
        name
        for tree in trees.values()
        if "disable" in tree
        for name in _disabled(tree["disable"], shipped)
    }
    kept = [
        replacing.get(name, entry)
        for name, entry in shipped.items()
        if name in replacing or name not in disabled
    ]
    rest = [entry for entry in own if rule_name(entry.mapping(RULE_KEYS)) not in shipped]
    return RuleFolder({**shipped_files, **files}, (*kept, *rest), tests)


def _entries(trees: Iterable[Mapping[str, Entry]], key: str) -> tuple[Entry, ...]:
    return tuple(entry for tree in trees if key in tree for entry in tree[key].entries())


def _extends(tree: Mapping[str, Entry]) -> bool:
    if "extends" not in tree:
        return False
    if tree["extends"].value != SHIPPED_NAME:
        raise tree["extends"].wrong(f"expected {SHIPPED_NAME!r}, the rules that come with moebridge")
    return True


def _disabled(entry: Entry, known: Mapping[str, Entry]) -> tuple[str, ...]:
    for name in entry.texts():
        if name not in known:
            raise entry.wrong(f"no shipped rule is named {name!r}; known: {', '.join(known)}")
    return entry.texts()


def _by_name(entries: Iterable[Entry]) -> dict[str, Entry]:
    """Rules by name; those without one are not in it. Raises InvalidRule for a name that stands twice."""
    named: dict[str, Entry] = {}
    for entry in entries:
        fields = entry.mapping(RULE_KEYS)
        name = rule_name(fields)
        if name in named:
            first = named[name]
            raise fields["name"].wrong(f"the rule at {first.file}:{first.line} has the name {name!r}")
        if name:
            named[name] = entry
    return named
