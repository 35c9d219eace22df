"""What is run: the jobs, who runs them, and what one run is told and tells."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

MAPPING, READ, REKEY, TABLE, WHOLE = JOBS = ("mapping", "read", "rekey", "table", "whole")

#: The two figures that one run of the job whole gives.
CATCH_UP, LIVE = "whole, catching up", "whole, live"

OURS, OURS_MEMORY, FAUST, QUIX = "moebridge", "moebridge (memory)", "plain Faust", "Quix Streams"

CONTENDERS: Mapping[str, tuple[str, ...]] = {
    MAPPING: (OURS,),
    READ: (OURS, FAUST, QUIX),
    REKEY: (OURS, FAUST, QUIX),
    TABLE: (OURS, FAUST, QUIX, OURS_MEMORY),
    WHOLE: (OURS, FAUST),
}

TITLES: Mapping[str, str] = {
    MAPPING: "mapping: from a contact's row and an event to the element, in memory",
    READ: "read: consume records, raw",
    REKEY: "rekey: read, decode, publish to another topic by a key from the body, confirmed",
    TABLE: "table: per record set table[key] = value, with a changelog, in RocksDB",
    CATCH_UP: "whole, catching up: from intercom.events to the MoEngage sandbox, all webhooks waiting",
    LIVE: "whole, live: from a signed webhook at the front door to the MoEngage sandbox, as they come",
}

#: How many messages a round has by default, and with --quick; of the job whole, in each of its halves.
MESSAGES: Mapping[str, int] = {MAPPING: 20_000, READ: 100_000, REKEY: 20_000, TABLE: 20_000, WHOLE: 1_500}
QUICK_MESSAGES: Mapping[str, int] = {MAPPING: 2_000, READ: 5_000, REKEY: 2_000, TABLE: 2_000, WHOLE: 300}
ROUNDS = 3

#: Of every topic and table; the default of the setting kafka.partitions.
PARTITIONS = 8


class BenchFailed(Exception):
    """A run did not do what it was to be measured at."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one contender: what its process is told.

    ``name`` is new for every run: application id, consumer group, and what its topics begin with.
    """

    job: str
    contender: str
    bootstrap: str
    name: str
    source: str
    target: str
    messages: int
    folder: str
    more: Mapping[str, Any] = field(default_factory=dict)

    def encoded(self) -> str:
        """As one argument of a command line."""
        return json.dumps(asdict(self))

    @classmethod
    def decoded(cls, text: str) -> Run:
        """From that argument."""
        return cls(**json.loads(text))

    @property
    def data_dir(self) -> Path:
        """A folder of this run's own."""
        return Path(self.folder)


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run came to. ``cpu_s`` is user and system time of the process, all its threads."""

    messages: int
    wall_s: float
    cpu_s: float
    ingress_cpu_s: float | None = None

    @property
    def cpu_us(self) -> float:
        """Microseconds of CPU a message."""
        return self.cpu_s / self.messages * 1e6

    @property
    def per_s(self) -> float:
        """Messages a second."""
        return self.messages / self.wall_s

    @property
    def ingress_us(self) -> float | None:
        """Microseconds of CPU a message in the ingress; None where there is none."""
        return None if self.ingress_cpu_s is None else self.ingress_cpu_s / self.messages * 1e6
