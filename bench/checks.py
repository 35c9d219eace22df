"""Whether a run did what it was measured at: everything read, published, written down and committed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from bench.broker import Broker
from bench.plan import QUIX, REKEY, TABLE, BenchFailed, Run
from bench.records import VALUE_BYTES, customer_id, records


async def check(run: Run, told: Mapping[str, float], keys: int, broker: Broker) -> None:
    """Raises BenchFailed where anything is missing or too much."""
    counts = {
        "records read": (told["seen"], run.messages),
        "bytes read": (told["bytes"], run.messages * VALUE_BYTES),
        "offsets committed": (await broker.committed(run.name, run.source), run.messages),
    }
    for what, (found, wanted) in counts.items():
        if found != wanted:
            raise BenchFailed(f"{run.contender}, {run.job}: {found} {what}, expected {wanted}")
    if run.job == REKEY:
        published = await broker.keys(run.target)
        if published != Counter(customer_id(number, keys) for number in range(run.messages)):
            raise BenchFailed(
                f"{run.contender}, {run.job}: {published.total()} records published, expected "
                f"{run.messages}, each by its key"
            )
    if run.job == TABLE:
        rows = await broker.rows(changelog(run))
        wanted_rows = {_row_key(run, key): value for key, value in records(run.messages, keys)}
        if rows != wanted_rows:
            raise BenchFailed(
                f"{run.contender}, {run.job}: the changelog comes to {len(rows)} rows, expected "
                f"{len(wanted_rows)}, each with the key's last value"
            )


def changelog(run: Run) -> str:
    """The changelog topic of the job's table."""
    if run.contender == QUIX:
        return f"changelog__{run.name}--{run.source}--default"
    return f"{run.name}-rows-changelog"


def _row_key(run: Run, key: bytes) -> bytes:
    """Quix keeps states by message key; a row's own key, in JSON, comes behind it."""
    return key + b'|"row"' if run.contender == QUIX else key
