"""Keys: which configuration and which partition a key lives in, and which MoEngage user a contact is.

One rule each, one place.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

#: Ids that MoEngage never takes as a customer_id, compared without case; neither any id of one
#: character (source: MoEngage, Data Tracking Policies, read November 2026).
FORBIDDEN_CUSTOMER_IDS = frozenset(
    {
        "", "unknown", "guest", "null", "0", "1", "2", "-1", "-2", "true", "false",
        "user_attribute_unique_id", "na", "n/a", "dummy_seller_code", "user_id", "id",
        "customer_id", "uid", "userid", "none",
    }
)  # fmt: skip

#: What a customer_id may be made of, in the order that the settings name.
IDENTITY_SOURCES = ("external_id", "email", "intercom_id")

MAX_CUSTOMER_ID_LENGTH = 200


def partition_for(key: bytes, partitions: int) -> int:
    """The partition of a key: CRC-32 of the key modulo the partitions (librdkafka's ``consistent``).

    Every producer of ours uses it, so that topics with equal partition counts are co-partitioned.
    """
    return zlib.crc32(key) % partitions


#: Between a configuration's name and an id. Neither can hold it: names have no control characters, and
#: nor have ids (events.subjects.is_id).
SCOPE_END = "\x1f"


def scoped(scope: str, one_id: str) -> str:
    """An id within its configuration: the same id in two of them is two keys.

    ``scope`` is "" for the default configuration, whose keys are the ids themselves, and else its name.
    """
    return f"{scope}{SCOPE_END}{one_id}" if scope else one_id


def split_scope(key: str) -> tuple[str, str]:
    """Scope and id of a key that ``scoped`` made."""
    scope, end, one_id = key.partition(SCOPE_END)
    return (scope, one_id) if end else ("", key)


def allowed_customer_id(candidate: str) -> bool:
    """Whether MoEngage takes this string as a customer_id."""
    return (
        1 < len(candidate) <= MAX_CUSTOMER_ID_LENGTH and candidate.lower() not in FORBIDDEN_CUSTOMER_IDS
    )


def customer_id(
    *,
    contact_id: str,
    external_id: Any = None,
    email: Any = None,
    order: Iterable[str] = ("external_id", "intercom_id"),
) -> str:
    """The MoEngage customer_id of a contact: the first source in ``order`` that MoEngage would take.

    ``intercom:<contact id>`` is the last resort, whatever the order says.
    """
    for source in order:
        value = {"external_id": external_id, "email": email}.get(source)
        if isinstance(value, str):
            candidate = value.strip()
            if allowed_customer_id(candidate):
                return candidate
        if source == "intercom_id":
            break
    return f"intercom:{contact_id}"
