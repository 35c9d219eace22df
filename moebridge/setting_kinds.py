"""What a setting's declaration says about itself: what it takes, and whether it is a secret."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import SecretStr
from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class Expect:
    """In a declaration: what a setting takes, in words, where its type does not say it."""

    text: str


def expectation(field: FieldInfo) -> str:
    """What a setting takes, in words that follow "expected"."""
    for mark in field.metadata:
        if isinstance(mark, Expect):
            return mark.text
    kind: Any = field.annotation
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(str(choice) for choice in get_args(kind))
    if kind is bool:
        return "true or false"
    if kind is int or kind is float:
        return ("a whole number" if kind is int else "a number") + _bounds(field.metadata)
    if kind is Path:
        return "a path"
    if kind is SecretStr:
        return "a secret"
    return "text that is not empty" if field.metadata else "text"


def is_secret(field: FieldInfo) -> bool:
    """Whether a setting's value must never be shown."""
    return _mentions_secret(field.annotation)


def _mentions_secret(kind: Any) -> bool:
    return kind is SecretStr or any(_mentions_secret(part) for part in get_args(kind))


def _bounds(marks: list[Any]) -> str:
    low = next((m.ge for m in marks if isinstance(m, Ge)), None)
    above = next((m.gt for m in marks if isinstance(m, Gt)), None)
    high = next((m.le for m in marks if isinstance(m, Le)), None)
    if low is not None:
        return f" from {low} to {high}" if high is not None else f" of {low} or more"
    if above is not None:
        return f" above {above}" + (f", at most {high}" if high is not None else "")
    return f" of at most {high}" if high is not None else ""
