"""What stops a worker.

    MoebridgeError
    └── StreamsError
        ├── ChunkLost           a chunk was dropped between the consumer and its stage
        ├── PublishFailed       the broker did not confirm what a stage put out
        ├── RecordTooLarge      one record alone is larger than a batch may be
        ├── PartitionMismatch   a table and its topic differ in partitions, or live on two workers
        ├── ForeignWriter       somebody else wrote to the changelog of a partition that is ours
        ├── WorkerStalled       the worker has work and makes no progress
        ├── DataFolderInUse     another worker holds the data folder
        ├── StageFailed         a stage raised; nothing of its chunk was acknowledged
        ├── InjectedFailure     a test switch
        ├── LagUnreadable       the broker did not tell how far a group is; stops no worker
        └── ReplayError         what a replay meets; stops no worker
            ├── WrongReplay     it was asked for in a way that cannot be done
            ├── RecordsUnreadable   the broker did not give the records that it has to read
            ├── ReplayActive        another replay of the configuration is active
            ├── ReplayNotActive     there is none to go on with
            ├── ReplayTakenOver     a newer runner goes on with it
            └── ReplayInterrupted   it cannot go on now, and can be resumed

None of the others is handled by going on: the worker ends with a non-zero code, whoever supervises it
starts it again, and it begins at the last committed offset.
"""

from __future__ import annotations

from events.errors import MoebridgeError


class StreamsError(MoebridgeError):
    """Root of this branch."""


class ChunkLost(StreamsError):
    """A chunk was marked done while an earlier one of its partition was not: it never arrived."""


class PublishFailed(StreamsError):
    """The broker did not confirm what a stage put out; the chunk stays unacknowledged."""


class RecordTooLarge(PublishFailed):
    """One record alone is larger than ``max_batch_bytes``."""


class PartitionMismatch(StreamsError):
    """A table's changelog and its source topic must have equal partitions, on the same worker."""


class ForeignWriter(StreamsError):
    """A former owner of the partition wrote to its changelog late; rows must be recovered anew."""


class WorkerStalled(StreamsError):
    """The worker has work and makes no progress, nor a known reason to wait (streams.progress)."""


class DataFolderInUse(StreamsError):
    """Another process holds the lock of this worker's data folder."""


class StageFailed(StreamsError):
    """A stage raised something that is not the record's fault."""


class InjectedFailure(StreamsError):
    """Raised by a test switch (streams.failpoints)."""


class LagUnreadable(StreamsError):
    """The broker did not tell offsets or group."""

    def __init__(self, bootstrap_servers: str, reason: str) -> None:
        super().__init__(
            f"kafka.bootstrap_servers: {bootstrap_servers} did not tell the lag ({reason}); is the "
            "broker running, and may this user describe the group and its topics?"
        )
        self.reason = reason


class ReplayError(StreamsError):
    """Root of what a replay meets."""


class WrongReplay(ReplayError):
    """It was asked for in a way that cannot be done; the message names the option and the remedy."""


class RecordsUnreadable(ReplayError):
    """The broker did not give the records of a topic."""

    def __init__(self, topic: str, reason: str) -> None:
        super().__init__(
            f"{topic}: its records could not be read ({reason}); is the broker running, has it "
            "the topic (moebridge topics check), and may this user read it?"
        )
        self.reason = reason


class ReplayActive(ReplayError):
    """A configuration has one replay at a time."""

    def __init__(self, config: str, replay: str, state: str) -> None:
        super().__init__(
            f"replay {replay} of configuration {config} is active ({state}): go on with it by "
            f"`moebridge replay resume --config-name {config}`, or end it by "
            f"`moebridge replay cancel --config-name {config}`, first"
        )


class ReplayNotActive(ReplayError):
    """The configuration has no replay that could be paused, resumed or cancelled."""

    def __init__(self, config: str, last: str) -> None:
        super().__init__(f"configuration {config} has no active replay; {last}")


class ReplayTakenOver(ReplayError):
    """Somebody resumed the replay, and it goes on there."""

    def __init__(self, replay: str) -> None:
        super().__init__(f"stopped: replay {replay} was resumed elsewhere and goes on there")


class ReplayInterrupted(ReplayError):
    """The replay cannot go on; where it is, is kept."""

    def __init__(self, replay: str, config: str, why: str) -> None:
        super().__init__(
            f"replay {replay} stopped: {why}. It goes on where it was by "
            f"`moebridge replay resume --config-name {config}`"
        )
