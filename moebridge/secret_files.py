"""Secrets from files: ``MOEBRIDGE_SECTION__KEY_FILE`` names the file that holds the secret SECTION.KEY.

As Docker's and Kubernetes' secrets are mounted, and as the official container images take them
(docs/decisions/0016-secrets-and-kafka-security.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from moebridge.setting_catalogue import Setting, setting
from moebridge.setting_problems import Problem
from moebridge.settings import ENV_DELIMITER, ENV_PREFIX

SUFFIX = "_FILE"


@dataclass(frozen=True, slots=True)
class Environment:
    """Variables with the files' content in place of their names. ``origins``: what named a file."""

    variables: Mapping[str, str]
    origins: Mapping[str, str]
    problems: tuple[Problem, ...]


def with_secret_files(environment: Mapping[str, str]) -> Environment:
    """Put each secret that a file holds where its variable would be, by the setting's own variable."""
    variables: dict[str, str] = {}
    origins: dict[str, str] = {}
    problems: list[Problem] = []
    set_directly = {name.upper() for name, value in environment.items() if value}
    for variable, value in environment.items():
        secret = _secret_of(variable)
        if secret is None or not value:
            variables[variable] = value
        elif secret.variable in set_directly:
            text = f"{secret.variable} is set too. Keep one of the two."
            problems.append(Problem(secret.name, variable, text))
        else:
            content = _content(value)
            if isinstance(content, str):
                variables[secret.variable], origins[secret.variable] = content, variable
            else:
                problems.append(Problem(secret.name, variable, f"{content.text} {_remedy(secret)}"))
    return Environment(variables, origins, tuple(problems))


def _secret_of(variable: str) -> Setting | None:
    """The secret for which a variable names a file; None for any other variable."""
    upper = variable.upper()
    if not upper.startswith(ENV_PREFIX) or not upper.endswith(SUFFIX):
        return None
    name = upper.removeprefix(ENV_PREFIX).lower().replace(ENV_DELIMITER.lower(), ".")
    found = setting(name.removesuffix(SUFFIX.lower()))
    return found if found is not None and found.secret and setting(name) is None else None


@dataclass(frozen=True, slots=True)
class _Unreadable:
    text: str


def _content(path: str) -> str | _Unreadable:
    try:
        content = Path(path).read_text("utf-8").strip()
    except UnicodeDecodeError:
        return _Unreadable(f"the file {path!r} is no text.")
    except OSError as error:
        return _Unreadable(f"the file {path!r} cannot be read ({error.strerror}).")
    return content or _Unreadable(f"the file {path!r} is empty.")


def _remedy(secret: Setting) -> str:
    return f"Name a file that holds it, or set {secret.variable}."
