"""What can be wrong with rule files.

MoebridgeError
└── MappingError
    ├── RulesNotFound       the folder or file of rules is missing, empty or unreadable
    └── InvalidRule         a rule file says something that cannot be meant, with its place
"""

from __future__ import annotations

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
