"""Which configuration and partition a key lives in, and which MoEngage user a contact is."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.keys import (
    FORBIDDEN_CUSTOMER_IDS,
    IDENTITY_SOURCES,
    allowed_customer_id,
    customer_id,
    partition_for,
    scoped,
    split_scope,
)
from events.subjects import is_id


@pytest.mark.parametrize(
    ("key", "crc"),
    [
        (b"", 0),
        (b"123456789", 0xCBF43926),  # the check value of CRC-32
        (b"intercom:5f2a", 0xC01AB17D),
        ("größe".encode(), 0x5BD3A989),
    ],
)
def test_a_key_never_moves(key: bytes, crc: int) -> None:
    """Records lie where these numbers say; another answer would tear keys from their rows."""
    assert [partition_for(key, count) for count in (1, 8, 12)] == [0, crc % 8, crc % 12]


def test_keys_spread() -> None:
    ids = [b"%024x" % (0x66F0_0000_0000_0000_0000_0000 + 7 * n) for n in range(4000)]
    counts = Counter(partition_for(one, 8) for one in ids)
    assert len(counts) == 8
    assert max(counts.values()) < 1.5 * min(counts.values())


IDS = st.text(max_size=8).filter(is_id) | st.sampled_from(["eu", "eu/c1", "eu:c1", "customer:eu", "c1"])
SCOPES = st.sampled_from(["", "e", "eu", "eu.c1", "eu-c1", "c1"])


@given(SCOPES, IDS, SCOPES, IDS)
def test_an_id_in_two_configurations_is_two_keys(
    scope: str, one: str, other_scope: str, other: str
) -> None:
    assert split_scope(scoped(scope, one)) == (scope, one)
    same = (scope, one) == (other_scope, other)
    assert (scoped(scope, one) == scoped(other_scope, other)) is same


def test_the_form_of_a_key_never_changes() -> None:
    """Rows lie under these keys; another form would leave them behind."""
    assert (scoped("", "c1"), scoped("eu", "c1")) == ("c1", "eu\x1fc1")


@pytest.mark.parametrize("forbidden", sorted(FORBIDDEN_CUSTOMER_IDS))
def test_ids_that_moengage_never_takes_are_passed_over(forbidden: str) -> None:
    for spelled in (forbidden, forbidden.upper(), forbidden.title(), f"  {forbidden} "):
        assert customer_id(contact_id="c9", external_id=spelled) == "intercom:c9"


def test_the_list_of_forbidden_ids_is_moengages() -> None:
    assert {"unknown", "guest", "-2", "n/a", "dummy_seller_code", "none"} <= FORBIDDEN_CUSTOMER_IDS
    assert len(FORBIDDEN_CUSTOMER_IDS) == 21


@pytest.mark.parametrize(
    ("candidate", "allowed"), [("x", False), ("xy", True), ("x" * 200, True), ("x" * 201, False)]
)
def test_an_id_has_two_to_two_hundred_characters(candidate: str, allowed: bool) -> None:
    assert allowed_customer_id(candidate) is allowed


@pytest.mark.parametrize(
    ("order", "chosen"),
    [
        (("external_id", "email", "intercom_id"), "ext-1"),
        (("email", "external_id", "intercom_id"), "ada@example.com"),
        (("intercom_id", "external_id"), "intercom:c9"),
        (("email",), "ada@example.com"),
        ((), "intercom:c9"),
    ],
)
def test_the_order_decides(order: tuple[str, ...], chosen: str) -> None:
    assert (
        customer_id(contact_id="c9", external_id=" ext-1 ", email="ada@example.com", order=order)
        == chosen
    )


def test_what_moengage_refuses_gives_way_to_the_next() -> None:
    order = ("external_id", "email", "intercom_id")
    assert (
        customer_id(contact_id="c9", external_id="0", email="a@b.example", order=order) == "a@b.example"
    )
    assert customer_id(contact_id="c9", external_id=17, email=None, order=order) == "intercom:c9"


@given(
    contact_id=st.text(min_size=1, max_size=30),
    external_id=st.none()
    | st.integers()
    | st.text(max_size=210)
    | st.sampled_from(sorted(FORBIDDEN_CUSTOMER_IDS)),
    email=st.none() | st.text(max_size=210),
    order=st.permutations(IDENTITY_SOURCES),
)
@settings(deadline=None)
def test_moengage_takes_whatever_comes_out(
    contact_id: str, external_id: Any, email: Any, order: list[str]
) -> None:
    chosen = customer_id(contact_id=contact_id, external_id=external_id, email=email, order=order)
    assert allowed_customer_id(chosen)
    assert chosen == chosen.strip() or chosen.startswith("intercom:")
