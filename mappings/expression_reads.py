"""What an expression reads, for lint: it was compiled already, so it is known to be right."""

from __future__ import annotations

from typing import Any

import jmespath

from mappings.expressions import ALL_CHILDREN, FIRST_CHILD, plain_path


def paths_read(text: str) -> frozenset[tuple[str, ...]]:
    """The dotted paths from the document's parts that an expression reads, as far as they are plain:
    ``contact.tags.data[].name`` gives (contact, tags, data)."""
    return frozenset(_paths_of(jmespath.compile(text).parsed))


def literal_of(text: str) -> Any:
    """The value of an expression that is one literal; None for any other."""
    node: Any = jmespath.compile(text).parsed
    return node["value"] if node["type"] == "literal" else None


def _paths_of(node: Any) -> set[tuple[str, ...]]:
    path = plain_path(node)
    if path is not None:
        return {path}
    children = node["children"]
    if node["type"] in ALL_CHILDREN:
        return set().union(*(_paths_of(child) for child in children))
    return _paths_of(children[0]) if node["type"] in FIRST_CHILD else set()
