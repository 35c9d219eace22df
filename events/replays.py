"""How a replayed record is marked: headers that travel with it from the replay to MoEngage's answer.

They stand behind the record's own headers, on intercom.contacts, intercom.companies and
moengage.deliveries. A record without them is live.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from events.codec import decode, encode
from events.errors import InvalidData, InvalidRecord

ID_HEADER = "replay.id"
LABEL_HEADER = "replay.label"
ONLY_HEADER = "replay.only"


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replayed record says of its replay.

    ``id`` names the replay. ``label`` is the attribute that tells it in MoEngage, "" for none. ``only``
    are the delivery ids that are wanted of what the record becomes; None: all of them.
    """

    id: str
    label: str = ""
    only: frozenset[str] | None = None

    def headers(self) -> list[tuple[str, bytes]]:
        """To stand behind the record's own."""
        headers = [(ID_HEADER, self.id.encode())]
        if self.label:
            headers.append((LABEL_HEADER, self.label.encode()))
        if self.only is not None:
            headers.append((ONLY_HEADER, encode(sorted(self.only))))
        return headers

    @classmethod
    def from_headers(cls, headers: Iterable[tuple[str, bytes]]) -> Replayed | None:
        """What these headers say; None of a live record. Raises InvalidRecord."""
        fields = dict(headers)
        if ID_HEADER not in fields:
            return None
        try:
            only = decode(fields[ONLY_HEADER]) if ONLY_HEADER in fields else None
            replayed = cls(fields[ID_HEADER].decode(), fields.get(LABEL_HEADER, b"").decode())
        except (AttributeError, TypeError, UnicodeDecodeError, InvalidData):  # a header may have no value
            raise InvalidRecord("headers: one of replay.* cannot be read") from None
        if only is None:
            return replayed
        if not isinstance(only, list) or not all(isinstance(one, str) for one in only):
            raise InvalidRecord("header 'replay.only': expected a list of delivery ids")
        return cls(replayed.id, replayed.label, frozenset(only))
