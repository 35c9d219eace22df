"""What can be wrong with rule files.

MoebridgeError
└── MappingError
    ├── RulesNotFound       the folder or file of rules is missing, empty or unreadable
    ├── InvalidRule         a rule file says something that cannot be meant, with its place
    └── FileTestsFailed     tests that stand in the rule files fail
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from events.errors import MoebridgeError


class MappingError(MoebridgeError):
    """The rules cannot be used as they are; nothing is mapped with them."""


class RulesNotFound(MappingError):
    """There are no rule files at ``path``, or they cannot be read."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class InvalidRule(MappingError):
    """A rule file is wrong at one place. ``line`` counts from 1; ``key`` is a path such as
    ``rules[2].attributes.u_em``, empty for the file as a whole."""

    def __init__(self, file: str, line: int, key: str, problem: str) -> None:
        where = f"{file}:{line}: {key}" if key else f"{file}:{line}"
        super().__init__(f"{where}: {problem}")
        self.file = file
        self.line = line
        self.key = key
        self.problem = problem


class FileTestsFailed(MappingError):
    """Tests of the rule files fail. ``failed`` names each with its file and line.

    What differs is not in the message: test payloads may be copies of real ones.
    """

    def __init__(self, failed: Sequence[str], tests: int) -> None:
        shown = ", ".join(failed[:3]) + (" …" if len(failed) > 3 else "")
        super().__init__(
            f"{len(failed)} of {tests} tests in the rule files failed: {shown}; "
            "`moebridge mapping test` shows what differs"
        )
        self.failed = tuple(failed)
