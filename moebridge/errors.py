"""What stops the command line and the processes that it starts.

MoebridgeError
├── SettingsInvalid             settings are wrong or missing, all of them in the message
├── ProcessFailed               a process that moebridge started ended, or never became ready
├── CannotListen                the address to listen on is taken, or not ours
├── TopicsUnfit                 topics on the broker are not as they must be
├── UnreadablePayload           a payload given to `moebridge mapping` is no JSON object
├── DeadLettersError            looking at dead letters, or settling them
│   ├── NoSuchLetter            there is none of this id
│   ├── TakenOver               another redrive or discard began on the same partition
│   └── BatchInDoubt            the broker did not confirm a batch of a redrive or discard
├── DemoFailed                  the demonstration did not come to what it should have
├── BrokerError                 a broker that moebridge starts itself
│   ├── BrokerUnsupported       this machine lacks what the broker needs
│   └── BrokerStartFailed       it ended, or never answered, with the end of its log
└── BrokerUnreachable           kafka.bootstrap_servers names no broker that answers
"""

from __future__ import annotations

from pathlib import Path

from events.errors import MoebridgeError


class UnreadablePayload(MoebridgeError):
    """What ``moebridge mapping`` was given is no JSON object; ``place`` is file, or file:line."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}")
        self.place = place


class DeadLettersError(MoebridgeError):
    """Root of what ``moebridge dead-letters`` meets."""


class NoSuchLetter(DeadLettersError):
    """There is no dead letter of this id, or no more."""

    def __init__(self, letter_id: str, there: str) -> None:
        super().__init__(f"dead letter {letter_id}: there is none; {there}")


class TakenOver(DeadLettersError):
    """Another run began on the partition since; it goes on there. ``at`` is where this one stopped."""

    def __init__(self, at: str) -> None:
        super().__init__(
            f"stopped before dead letter {at}: another redrive or discard has begun on this partition. "
            "Nothing is lost; run the same command again once that has ended"
        )
        self.at = at


class BatchInDoubt(DeadLettersError):
    """The broker did not confirm a batch in time: some of it may have been done. The rest is open."""

    def __init__(self, did: str, count: int, first: str, last: str, why: str) -> None:
        super().__init__(
            f"{count} dead letters, {first} to {last}, may or may not be {did}: {why}. They are open "
            "still; run the same command again"
        )


class BrokerError(MoebridgeError):
    """A broker that moebridge was to start, or has started."""


class BrokerUnsupported(BrokerError):
    """This machine lacks what the broker needs; the message names it and the remedy."""


class BrokerStartFailed(BrokerError):
    """The broker ended or did not answer. ``last_lines`` are those of its log."""

    def __init__(self, name: str, problem: str, log_file: Path, last_lines: list[str]) -> None:
        tail = "".join(f"\n  {line}" for line in last_lines)
        super().__init__(f"{name}: {problem} (log: {log_file}){tail}")
        self.problem = problem
        self.log_file = log_file
        self.last_lines = last_lines


class BrokerUnreachable(MoebridgeError):
    """No broker answers at ``kafka.bootstrap_servers``, or it refuses these credentials."""

    def __init__(self, bootstrap_servers: str, reason: str) -> None:
        super().__init__(
            f"kafka.bootstrap_servers: no answer from {bootstrap_servers} ({reason}); "
            "is the broker running, and are address and kafka security settings right?"
        )
        self.bootstrap_servers = bootstrap_servers


class SettingsInvalid(MoebridgeError):
    """Settings are wrong or missing; nothing was started. Exit code 2."""


class ProcessFailed(MoebridgeError):
    """A process that moebridge started ended by itself, or never became ready.

    ``exit_code`` is None for one that still ran. ``last_lines`` are those of its log.
    """

    def __init__(
        self, name: str, problem: str, last_lines: list[str], *, exit_code: int | None = None
    ) -> None:
        tail = "".join(f"\n  {line}" for line in last_lines)
        super().__init__(f"{name}: {problem}{tail}")
        self.name = name
        self.exit_code = exit_code
        self.last_lines = last_lines


class CannotListen(MoebridgeError):
    """The address to listen on is taken, not ours, or not allowed. ``setting`` names the port."""

    def __init__(self, setting: str, host: str, port: int, reason: str) -> None:
        super().__init__(
            f"{setting}: cannot listen on {host}:{port}: {reason}; "
            "choose another port, or stop what uses it"
        )


class TopicsUnfit(MoebridgeError):
    """Topics on the broker are not as they must be. ``problems``: one a topic, with its remedy."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("topics: " + "".join(f"\n  {problem}" for problem in problems))
        self.problems = problems


class DemoFailed(MoebridgeError):
    """The demonstration did not come to what it should have."""
