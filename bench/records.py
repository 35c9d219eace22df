"""The records of the jobs read, rekey and table: small notifications, the same for every contender."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

#: Of every record's value.
VALUE_BYTES = 326


def records(count: int, keys: int) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of each. Keys come round and round, as many as ``keys`` says."""
    for number in range(count):
        contact = f"contact{number % keys:09d}"
        document = {
            "type": "notification_event",
            "id": f"notif_{number:012d}",
            "topic": "ticket.state.updated",
            "created_at": 1768018294 + number,
            "contact_id": contact,
            "customer_id": customer_id(number, keys).decode(),
            "ticket": {
                "id": f"{number:012d}",
                "category": "Customer",
                "state": "in_progress" if number % 2 else "resolved",
            },
            "note": "",
        }
        document["note"] = "n" * (VALUE_BYTES - len(orjson.dumps(document)))
        yield contact.encode(), orjson.dumps(document)


def customer_id(number: int, keys: int) -> bytes:
    """What record ``number`` is published under in the job rekey: as many as there are keys."""
    return b"user-%08d" % (number * 7 % keys)
