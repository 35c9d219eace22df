"""Expressions: JMESPath, compiled once into plain Python functions.

JMESPath's interpreter takes 5 to 10 µs for a path of two names; a compiled getter takes 0.1. Paths,
``||``, ``&&``, ``!``, comparisons, literals, indexes, lists of one field and functions are compiled;
whatever else an expression contains is left to the interpreter, node by node, so all of JMESPath works.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError, ParseError
from jmespath.visitor import Options, TreeInterpreter

from mappings.functions import OWN_FUNCTIONS, RuleFunctions

Getter = Callable[[Any], Any]

_FUNCTIONS = RuleFunctions()
_INTERPRETER = TreeInterpreter(Options(custom_functions=_FUNCTIONS))

# What JMESPath raises where an expression does not fit the data (the length of null, a sort of mixed
# values, a sum of texts) is one of these.
_MISFITS = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RecursionError)

#: Nodes whose children are all evaluated against what the node itself is evaluated against.
ALL_CHILDREN = frozenset(
    {"or_expression", "and_expression", "not_expression", "comparator", "function_expression"}
    | {"multi_select_list", "multi_select_dict", "key_val_pair"}
)
#: Those of which only the first child is; the others see what the first one gives.
FIRST_CHILD = frozenset(
    {"subexpression", "index_expression", "projection", "value_projection", "filter_projection"}
    | {"flatten", "pipe"}
)


class BadExpression(ValueError):
    """An expression that does not compile; the caller adds the place in the rule file."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression. ``get`` never raises; ``parts`` are the names that it begins with.

    ``path`` are the names of a plain dotted path, empty for anything else.
    """

    text: str
    get: Getter
    parts: frozenset[str]
    path: tuple[str, ...] = ()


def compile_expression(text: str, known_parts: Collection[str] | None) -> Expression:
    """Compile; raises BadExpression for a syntax error, and for an unknown part or function.

    ``known_parts`` are the names that an expression may begin with; None: any.
    """
    try:
        node: Any = jmespath.compile(text).parsed
    except JMESPathError as error:
        raise BadExpression(_what_is_wrong(error)) from None
    _check_functions(node)
    parts = _parts_of(node, known_parts or ())
    if known_parts is not None and (unknown := sorted(parts - set(known_parts))):
        raise BadExpression(f"unknown name {unknown[0]!r}; known: {', '.join(known_parts)}")
    get = _compile(node)
    path = plain_path(node) or ()
    return Expression(text, get if path else _fenced(get), parts, path)


def _what_is_wrong(error: JMESPathError) -> str:
    """JMESPath's own words speak of tokens; those who write rules meet it mostly by names with blanks."""
    if not isinstance(error, ParseError):
        return "expected an expression"
    if not error.token_value:
        return "not an expression yet: something is missing at its end"
    return (
        f"not an expression: {error.token_value!r} at character {error.lex_position + 1} does not fit; a "
        'name with blanks or punctuation stands in double quotes, as in a."Two words"'
    )


def is_true(value: Any) -> bool:
    """JMESPath's idea of true: null, false and what is empty are not, zero is."""
    return not (value is None or value is False or value == "" or value == [] or value == {})


def _fenced(get: Getter) -> Getter:
    def fenced(document: Any) -> Any:
        try:
            return get(document)
        except _MISFITS:
            return None

    return fenced


def _compile(node: Any) -> Getter:
    compiler = _COMPILERS.get(node["type"])
    get = compiler(node) if compiler else None
    return get or (lambda value: _INTERPRETER.visit(node, value))


def _compile_path(node: Any) -> Getter | None:
    names = plain_path(node)
    if names is None:
        return _compile_chain(node)
    if len(names) == 1:
        (only,) = names

        def get_1(value: Any) -> Any:
            return value.get(only) if isinstance(value, dict) else None

        return get_1
    if len(names) == 2:
        first, second = names

        def get_2(value: Any) -> Any:
            if isinstance(value, dict):
                value = value.get(first)
                if isinstance(value, dict):
                    return value.get(second)
            return None

        return get_2

    def get_n(value: Any) -> Any:
        for name in names:
            if not isinstance(value, dict):
                return None
            value = value.get(name)
        return value

    return get_n


def _compile_chain(node: Any) -> Getter:
    steps = [_compile(child) for child in node["children"]]

    def get_chain(value: Any) -> Any:
        for step in steps:
            value = step(value)
        return value

    return get_chain


def _compile_index(node: Any) -> Getter:
    position = node["value"]

    def get_index(value: Any) -> Any:
        if isinstance(value, list) and -len(value) <= position < len(value):
            return value[position]
        return None

    return get_index


def _compile_or(node: Any) -> Getter:
    left, right = (_compile(child) for child in node["children"])

    def get_or(value: Any) -> Any:
        found = left(value)
        return found if is_true(found) else right(value)

    return get_or


def _compile_and(node: Any) -> Getter:
    left, right = (_compile(child) for child in node["children"])

    def get_and(value: Any) -> Any:
        found = left(value)
        return right(value) if is_true(found) else found

    return get_and


def _compile_not(node: Any) -> Getter:
    operand = _compile(node["children"][0])
    return lambda value: not is_true(operand(value))


def _compile_comparison(node: Any) -> Getter | None:
    compare = TreeInterpreter.COMPARATOR_FUNC[node["value"]]
    left, right = (_compile(child) for child in node["children"])
    if node["value"] in ("eq", "ne"):
        return lambda value: compare(left(value), right(value))

    def get_order(value: Any) -> Any:
        one, other = left(value), right(value)
        return compare(one, other) if _has_order(one) and _has_order(other) else None

    return get_order


def _has_order(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _compile_literal(node: Any) -> Getter:
    literal = node["value"]
    return lambda value: literal


def _compile_function(node: Any) -> Getter:
    name = node["value"]
    arguments = [_compile(child) for child in node["children"]]
    own = OWN_FUNCTIONS.get(name)
    if own is not None:
        (argument,) = arguments
        return lambda value: own(argument(value))
    call = _FUNCTIONS.call_function
    return lambda value: call(name, [argument(value) for argument in arguments])


def _compile_projection(node: Any) -> Getter:
    base, each = (_compile(child) for child in node["children"])

    def get_projection(value: Any) -> Any:
        elements = base(value)
        if not isinstance(elements, list):
            return None
        found = [each(element) for element in elements]
        return [value for value in found if value is not None]

    return get_projection


def _compile_flatten(node: Any) -> Getter:
    base = _compile(node["children"][0])

    def get_flatten(value: Any) -> Any:
        elements = base(value)
        if not isinstance(elements, list):
            return None
        flat: list[Any] = []
        for element in elements:
            if isinstance(element, list):
                flat.extend(element)
            else:
                flat.append(element)
        return flat

    return get_flatten


def _compile_current(node: Any) -> Getter:
    return lambda value: value


_COMPILERS: dict[str, Callable[[Any], Getter | None]] = {
    "field": _compile_path,
    "subexpression": _compile_path,
    "index_expression": _compile_chain,
    "pipe": _compile_chain,
    "index": _compile_index,
    "or_expression": _compile_or,
    "and_expression": _compile_and,
    "not_expression": _compile_not,
    "comparator": _compile_comparison,
    "literal": _compile_literal,
    "function_expression": _compile_function,
    "projection": _compile_projection,
    "flatten": _compile_flatten,
    "current": _compile_current,
    "identity": _compile_current,
}


def plain_path(node: Any) -> tuple[str, ...] | None:
    """The names of a node that is a plain dotted path; None for anything else."""
    if node["type"] == "field":
        return (node["value"],)
    if node["type"] != "subexpression":
        return None
    names: tuple[str, ...] = ()
    for child in node["children"]:
        inner = plain_path(child)
        if inner is None:
            return None
        names += inner
    return names


def _parts_of(node: Any, known_parts: Collection[str]) -> frozenset[str]:
    """The names that an expression reads from the document itself; all known ones where that is open."""
    kind = node["type"]
    if kind == "field":
        return frozenset({node["value"]})
    children = node["children"]
    if kind in ALL_CHILDREN:
        return frozenset().union(*(_parts_of(child, known_parts) for child in children))
    if kind in FIRST_CHILD:
        if children[0]["type"] == "current" and len(children) > 1 and kind == "subexpression":
            return _parts_of(children[1], known_parts)
        return _parts_of(children[0], known_parts)
    if kind in ("literal", "expref"):
        return frozenset()
    return frozenset(known_parts)


def _check_functions(node: Any) -> None:
    if not isinstance(node, dict):
        return  # the numbers of a slice
    if node["type"] == "function_expression":
        table = _FUNCTIONS.FUNCTION_TABLE
        name, count = node["value"], len(node["children"])
        if name not in table:
            raise BadExpression(f"unknown function {name}(); known: {', '.join(sorted(table))}")
        signature = table[name]["signature"]
        variadic = bool(signature) and bool(signature[-1].get("variadic"))
        if count < len(signature) or (count > len(signature) and not variadic):
            raise BadExpression(f"{name}() takes {len(signature)} argument(s), not {count}")
    for child in node["children"]:
        _check_functions(child)
