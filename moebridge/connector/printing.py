"""A guide for the terminal, and for machines."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import orjson

from moebridge.connector.guide import Guide, Request
from moebridge.connector.placeholders import meaning, names_in, written

#: Narrower than this, steps are not folded any further.
_LEAST_WIDTH = 40


def guide_lines(guide: Guide, *, secrets: bool, width: int) -> Iterator[tuple[str, str]]:
    """Lines and their style. What is to be pasted is never folded; texts are, at ``width`` columns."""
    width = max(width, _LEAST_WIDTH)
    yield guide.title, "bold"
    yield "", ""
    for number, step in enumerate(guide.steps, 1):
        yield from _folded(step, f"{number:3}. ", width)
    for request in guide.requests:
        yield "", ""
        yield from _request_lines(request, secrets=secrets)
    yield from _placeholder_lines(guide)
    yield from _topic_lines(guide, width)
    if guide.notes:
        yield "", ""
        for note in guide.notes:
            yield from _folded(note, "  - ", width)


def guide_json(guide: Guide, *, secrets: bool) -> bytes:
    """The same as one JSON object."""
    document = {
        "method": guide.method,
        "title": guide.title,
        "steps": guide.steps,
        "requests": [_request_json(request, secrets=secrets) for request in guide.requests],
        "topics": [
            {"topic": one.name, "permissions": one.permissions, "for": one.reason} for one in guide.topics
        ],
        "notes": guide.notes,
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2)


def _request_lines(request: Request, *, secrets: bool) -> Iterator[tuple[str, str]]:
    yield request.title, "bold"
    yield f"  method  {' or '.join(request.methods)}", ""
    yield f"  URL     {request.url}", ""
    for header in request.headers:
        yield f"  header  {header.name}: {header.shown(secrets=secrets)}", ""
    if request.body is not None:
        yield "  body", ""
        for line in orjson.dumps(request.body, option=orjson.OPT_INDENT_2).decode().splitlines():
            yield line, "cyan"


def _placeholder_lines(guide: Guide) -> Iterator[tuple[str, str]]:
    names = _placeholders(guide.requests)
    if not names:
        return
    wide = max(len(written(name)) for name in names)
    yield "", ""
    yield "Where the body says … insert", "bold"
    for name in names:
        yield f"  {written(name):{wide}}  {meaning(name)}", ""


def _topic_lines(guide: Guide, width: int) -> Iterator[tuple[str, str]]:
    """Topics under the permissions that they need, in their order."""
    if not guide.topics:
        return
    wide = max(len(topic.name) for topic in guide.topics)
    yield "", ""
    yield f"Topics ({len(guide.topics)}), and the rules that they are for", "bold"
    for permissions, topics in groupby(guide.topics, key=lambda topic: topic.permissions):
        needed = " or ".join(f"“{one}”" for one in permissions)
        yield from _folded(f"with {needed}:" if needed else "without a permission:", "  ", width)
        for topic in topics:
            yield f"    {topic.name:{wide}}  {topic.reason}", ""


def _request_json(request: Request, *, secrets: bool) -> dict[str, Any]:
    return {
        "title": request.title,
        "methods": request.methods,
        "url": request.url,
        "headers": {header.name: header.shown(secrets=secrets) for header in request.headers},
        "body": request.body,
        "placeholders": {written(name): meaning(name) for name in _placeholders([request])},
    }


def _placeholders(requests: Sequence[Request]) -> list[str]:
    return list(dict.fromkeys(name for request in requests for name in names_in(request.body)))


def _folded(text: str, mark: str, width: int) -> Iterator[tuple[str, str]]:
    lines = textwrap.wrap(
        text,
        width,
        initial_indent=mark,
        subsequent_indent=" " * len(mark),
        break_long_words=False,
        break_on_hyphens=False,
    )
    for line in lines:
        yield line, ""
