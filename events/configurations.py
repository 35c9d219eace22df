"""The configurations of an installation: which one a record belongs to.

A configuration is an Intercom workspace, a MoEngage workspace, and the mapping between them. One of them
is the default; all others have a name of lower-case letters.
"""

from __future__ import annotations

from dataclasses import dataclass

from events.errors import UnknownConfiguration

DEFAULT_NAME = "default"


@dataclass(frozen=True, slots=True)
class Configurations:
    """The names of all configurations, the default one first.

    Every function takes a name as a record or a URL has it: upper and lower case do not count, and ""
    is the default configuration, for records from before there were others.
    """

    names: tuple[str, ...] = (DEFAULT_NAME,)

    @property
    def default(self) -> str:
        """The default configuration's name."""
        return self.names[0]

    def scope(self, config: str) -> str:
        """What the keys of a configuration begin with (events.keys.scoped): "" for the default one.

        Raises UnknownConfiguration.
        """
        if not config or config == self.names[0]:
            return ""
        name = config.lower()
        if name in self.names[1:]:
            return name
        if name == self.names[0].lower():
            return ""
        raise UnknownConfiguration(config)

    def named(self, config: str) -> str:
        """The name as the settings have it. Raises UnknownConfiguration."""
        return self.scope(config) or self.names[0]


#: For an installation without further ones.
ONE_CONFIGURATION = Configurations()
