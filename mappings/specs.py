"""Attribute specs, compiled: where a value comes from, and what becomes of it on its way.

u_n: contact.name                     JMESPath alone
solved: {value: true}                 a constant
due:
  expr: payload.due                   JMESPath
  type: datetime                      conversion.TYPES
  default: "2030-01-01T00:00:00Z"     where there is no value
  hash: sha256                        conversion.HASHES, of what the type gave
  drop_if_null: false                 the attribute is always there; needs a default
"""

from __future__ import annotations

from math import isfinite
from typing import Any

from mappings.conversion import CONVERTERS, HASHES, TYPES, Converter
from mappings.expressions import BadExpression, Expression, compile_expression
from mappings.rule import Spec
from mappings.rule_files import Entry
from mappings.safety import MAX_STRING_LENGTH, safe_list

SPEC_KEYS = ("expr", "value", "type", "default", "drop_if_null", "hash")


def compile_spec(
    entry: Entry, parts: tuple[str, ...], used: set[str], standard: str | None = None
) -> Spec:
    """The spec of an entry; adds the parts that it reads to ``used``. Raises InvalidRule.

    ``standard`` is the type that MoEngage wants for an attribute of its own.
    """
    if isinstance(entry.value, str):
        expression = compile_in(entry, parts, used)
        return _spec_of(expression, CONVERTERS[standard] if standard else None)
    if not isinstance(entry.value, dict):
        raise entry.wrong("expected an expression or a mapping; a constant is written {value: …}")
    fields = entry.mapping(SPEC_KEYS)
    if ("expr" in fields) == ("value" in fields):
        raise entry.wrong("expected either 'expr' or 'value'")
    convert = _converter(fields, standard)
    default = _constant(fields["default"], convert) if "default" in fields else None
    if "drop_if_null" in fields and not fields["drop_if_null"].flag() and default is None:
        raise fields["drop_if_null"].wrong(
            "MoEngage documents no null; write what is to be sent for it under 'default'"
        )
    if "value" in fields:
        if "hash" in fields:
            raise fields["hash"].wrong("only with 'expr'; write the hash itself as the value")
        constant = _constant(fields["value"], convert)
        return Spec(lambda document: constant)
    expression = compile_in(fields["expr"], parts, used)
    return _spec_of(expression, _hashed(fields, convert, standard), default)


def compile_in(entry: Entry, parts: tuple[str, ...], used: set[str]) -> Expression:
    """The expression that an entry holds; adds the parts that it reads to ``used``."""
    try:
        expression = compile_expression(entry.text(), parts)
    except BadExpression as error:
        raise entry.wrong(str(error)) from None
    used |= expression.parts
    return expression


def _converter(fields: dict[str, Entry], standard: str | None) -> Converter | None:
    wanted = fields["type"].text() if "type" in fields else standard
    if "type" in fields and wanted not in TYPES:
        raise fields["type"].wrong(f"unknown type {wanted!r}; known: {', '.join(TYPES)}")
    if standard and wanted not in (standard, "string" if standard == "digits" else standard):
        raise fields["type"].wrong(f"MoEngage's own attribute is of type {standard!r}")
    return CONVERTERS[standard or wanted] if wanted else None


def _hashed(
    fields: dict[str, Entry], convert: Converter | None, standard: str | None
) -> Converter | None:
    if "hash" not in fields:
        return convert
    name = fields["hash"].text()
    if name not in HASHES:
        raise fields["hash"].wrong(f"unknown hash {name!r}; known: {', '.join(HASHES)}")
    if standard == "bool":
        raise fields["hash"].wrong("MoEngage's own attribute is of type 'bool'")
    if convert is TYPES["list"]:
        raise fields["hash"].wrong("a list has no hash; take one element, such as contact.emails[0]")
    hashed = HASHES[name]
    if convert is None:
        return hashed
    before = convert

    def convert_and_hash(value: Any) -> Any:
        converted = before(value)
        return None if converted is None else hashed(converted)

    return convert_and_hash


def _spec_of(expression: Expression, convert: Converter | None, default: Any = None) -> Spec:
    part, field = expression.path if len(expression.path) == 2 else ("", "")
    return Spec(expression.get, part, field, convert, default)


def _constant(entry: Entry, convert: Converter | None) -> Any:
    value = entry.plain()
    if isinstance(value, list):
        value = safe_list(value)
    elif not isinstance(value, str | bool | int | float) or (
        isinstance(value, float) and not isfinite(value)
    ):
        raise entry.wrong("expected a string, a number, true, false, or a list of them")
    if convert is not None:
        value = convert(value)
    if value in (None, "", []) or (isinstance(value, str) and len(value) > MAX_STRING_LENGTH):
        raise entry.wrong("MoEngage does not take this value under this type")
    return value
