"""Rule files as trees of entries, each of which knows its line and key."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mappings.errors import InvalidRule, RulesNotFound


@dataclass(frozen=True, slots=True)
class Entry:
    """A value of a rule file with its place: a dict or list of entries, or a scalar."""

    value: Any
    file: str
    line: int
    key: str

    def wrong(self, problem: str) -> InvalidRule:
        """The error that this entry is."""
        return InvalidRule(self.file, self.line, self.key, problem)

    def mapping(self, known: Collection[str] = ()) -> dict[str, Entry]:
        """The entry as a mapping, of no keys but the known ones where some are given."""
        if not isinstance(self.value, dict):
            raise self.wrong(f"expected a mapping, got {_kind(self.value)}")
        for name, entry in self.value.items():
            if known and name not in known:
                raise entry.wrong(f"unknown key {name!r}; known: {', '.join(known)}")
        return self.value

    def entries(self) -> list[Entry]:
        """The entry as a list."""
        if not isinstance(self.value, list):
            raise self.wrong(f"expected a list, got {_kind(self.value)}")
        return self.value

    def text(self) -> str:
        """The entry as a string that is not empty."""
        if not isinstance(self.value, str) or not self.value.strip():
            raise self.wrong(f"expected a string, got {_kind(self.value)}")
        return self.value

    def flag(self) -> bool:
        """The entry as true or false."""
        if not isinstance(self.value, bool):
            raise self.wrong(f"expected true or false, got {_kind(self.value)}")
        return self.value

    def plain(self) -> Any:
        """The entry as the plain value that it stands for, dicts and lists included."""
        if isinstance(self.value, dict):
            return {name: entry.plain() for name, entry in self.value.items()}
        if isinstance(self.value, list):
            return [entry.plain() for entry in self.value]
        return self.value

    def texts(self) -> tuple[str, ...]:
        """The entry as one or several strings."""
        entries = self.value if isinstance(self.value, list) else [self]
        if not entries:
            raise self.wrong("expected at least one string, got an empty list")
        return tuple(entry.text() for entry in entries)


# libyaml's parser takes a tenth of the time of the one in Python.
_Loader: Any = type("_Loader", (getattr(yaml, "CSafeLoader", yaml.SafeLoader),), {})
# As YAML 1.2 has it: "on", "yes" and "no" are words, and a date is the text that stands there.
_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile("(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def read_folder(path: Path) -> dict[str, bytes]:
    """The rule files at ``path``, by name and in the order of names: a folder's *.yaml, or one file.

    Hidden ones, which editors keep beside a file that is being changed, are none. Raises RulesNotFound.
    """
    try:
        files = [path]
        if path.is_dir():
            files = sorted(file for file in path.glob("*.yaml") if not file.name.startswith("."))
        if not files:
            raise RulesNotFound(path, "no *.yaml file in this folder")
        return {file.name: file.read_bytes() for file in files}
    except OSError as error:
        raise RulesNotFound(path, error.strerror or "cannot be read") from None


def parse(file: str, raw: bytes) -> Entry:
    """Read one YAML document. Raises InvalidRule; a key that stands twice is refused."""
    try:
        loader = _Loader(raw)  # a SafeLoader: it makes plain values only
        try:
            node = loader.get_single_node()
            if node is None:
                raise InvalidRule(file, 1, "", "the file is empty; expected a mapping with 'rules'")
            return _Reader(loader, file).entry(node, "", ())
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = ": ".join(filter(None, (error.context, error.problem)))
        raise InvalidRule(file, line, "", f"not YAML: {problem}") from None
    except yaml.YAMLError as error:
        raise InvalidRule(file, 1, "", f"not YAML: {' '.join(str(error).split())}") from None


class _Reader:
    """Makes entries of the nodes of one file."""

    def __init__(self, loader: Any, file: str) -> None:
        self._loader = loader
        self._file = file
        self._flattened: set[int] = set()

    def entry(self, node: yaml.Node, key: str, above: tuple[int, ...]) -> Entry:
        """The entry of a node; ``above`` are the nodes that it stands in."""
        line = node.start_mark.line + 1
        if id(node) in above:
            raise InvalidRule(self._file, line, key, "an alias that contains itself")
        above = (*above, id(node))
        if isinstance(node, yaml.MappingNode):
            return Entry(self._mapping(node, key, above), self._file, line, key)
        if isinstance(node, yaml.SequenceNode):
            entries = [
                self.entry(child, f"{key}[{position}]", above)
                for position, child in enumerate(node.value)
            ]
            return Entry(entries, self._file, line, key)
        return Entry(self._loader.construct_object(node), self._file, line, key)

    def _mapping(self, node: yaml.MappingNode, key: str, above: tuple[int, ...]) -> dict[str, Entry]:
        # An aliased node comes by more than once; flattened, it holds what it overrides besides.
        if id(node) not in self._flattened:
            self._refuse_duplicates(node, key)
            self._loader.flatten_mapping(node)  # resolves <<
            self._flattened.add(id(node))
        values: dict[str, Entry] = {}
        for name_node, value_node in node.value:
            line = name_node.start_mark.line + 1
            name = self._loader.construct_object(name_node, deep=True)
            if not isinstance(name, str):
                raise InvalidRule(self._file, line, key, f"expected a key in words, got {name!r}")
            inner_key = f"{key}.{name}" if key else name
            values[name] = Entry(
                self.entry(value_node, inner_key, above).value, self._file, line, inner_key
            )
        return values

    def _refuse_duplicates(self, node: yaml.MappingNode, key: str) -> None:
        seen = set()
        for name_node, _ in node.value:
            if not isinstance(name_node, yaml.ScalarNode) or name_node.tag == "tag:yaml.org,2002:merge":
                continue
            if name_node.value in seen:
                inner = f"{key}.{name_node.value}" if key else name_node.value
                raise InvalidRule(
                    self._file, name_node.start_mark.line + 1, inner, "this key stands twice"
                )
            seen.add(name_node.value)


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else repr(value)
