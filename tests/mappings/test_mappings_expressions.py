"""Compiled expressions mean what JMESPath means by them."""

from __future__ import annotations

from typing import Any

import jmespath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jmespath.exceptions import JMESPathError

from mappings.expression_reads import literal_of, paths_read
from mappings.expressions import BadExpression, compile_expression

PARTS = ("a", "b", "c")
EXPRESSIONS = [
    "a",
    "a.b",
    "a.b.c",
    '"a"."b c"',
    "a || b",
    "a.b || c.a || `7`",
    "a[0]",
    "a[-1].b",
    "a[1:]",
    "a[].b",
    "a[*].b.c",
    "a.b[]",
    "a.*",
    "a[?b==`1`].c",
    "a && b",
    "!a",
    "a == b",
    "a != 'x'",
    "a < b",
    "a >= b.c",
    "!(a && b) || c",
    "`0` && a",  # zero is true
    "!`0` || `0` || a",
    "a == `1` && b",
    "[a, b]",
    "{x: a, y: b.c}",
    "a | [0]",
    "@.a",
    "length(a)",
    "length(a[])",
    "not_null(a, b)",
    "sort(a)",
    "max_by(a, &b)",
    "to_number(a)",
    "join('-', a)",
    "keys(@)",
]

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "x", "10"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c", "b c"]), inner)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("text", EXPRESSIONS)
@settings(max_examples=40)
@given(document=st.fixed_dictionaries(dict.fromkeys(PARTS, VALUES)))
def test_the_compiled_expression_agrees_with_the_interpreter(text: str, document: dict[str, Any]) -> None:
    try:
        expected = jmespath.search(text, document)
    except (JMESPathError, TypeError):
        expected = None  # where an expression does not fit the data, ours is null
    assert compile_expression(text, PARTS).get(document) == expected


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a.b", {"a"}),
        ("a.b || c", {"a", "c"}),
        ("a[?b].c", {"a"}),
        ("a[].c", {"a"}),
        ("a | b", {"a"}),
        ("sort_by(a, &b)", {"a"}),
        ("{x: a, y: b.c}", {"a", "b"}),
        ("@.b", {"b"}),
        ("keys(@)", {"a", "b", "c"}),
        ("`1`", set()),
    ],
)
def test_the_parts_that_an_expression_reads(text: str, parts: set[str]) -> None:
    assert compile_expression(text, PARTS).parts == parts


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("a.b.c", {("a", "b", "c")}),
        ("a.b[].c || c", {("a", "b"), ("c",)}),
        ("length(a.b) == `1` && !c", {("a", "b"), ("c",)}),
        ("a[?b == 'x'].c", {("a",)}),
        ("`1`", set()),
    ],
)
def test_the_paths_that_an_expression_reads(text: str, paths: set[tuple[str, ...]]) -> None:
    assert paths_read(text) == paths


def test_a_literal() -> None:
    assert literal_of("`5`") == 5
    assert literal_of("'x'") == "x"
    assert literal_of("a") is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a..b", r"'\.' at character 3 does not fit"),
        ("a.Two words", r"'words' at character 7 does not fit; a name with blanks"),
        ("a.b == ", "something is missing at its end"),
        ("", "expected an expression"),
        ("d.b", "unknown name 'd'; known: a, b, c"),
        ("shout(a)", r"unknown function shout\(\)"),
        ("a.b[?first_name(b, c)]", r"first_name\(\) takes 1 argument\(s\), not 2"),
    ],
)
def test_what_does_not_compile(text: str, problem: str) -> None:
    with pytest.raises(BadExpression, match=problem):
        compile_expression(text, PARTS)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Mira van Dijk", "Mira", "van Dijk"),
        ("Mira", "Mira", None),
        ("mira@brook.example", None, None),
        ("", None, None),
        (5, None, None),
    ],
)
def test_names_are_split_at_the_first_blank(name: Any, first: str | None, last: str | None) -> None:
    assert compile_expression("first_name(a)", PARTS).get({"a": name}) == first
    assert compile_expression("last_name(a)", PARTS).get({"a": name}) == last
    # The same by the interpreter, which a filter is left to.
    by_interpreter = compile_expression("a[?first_name(@) == 'Mira'] | [0]", PARTS)
    assert by_interpreter.get({"a": [name]}) == (name if first == "Mira" else None)
