"""The settings of each configuration (``configName``), by its name; the default one is first."""

from __future__ import annotations

from moebridge.settings import Settings


def by_configuration(settings: Settings) -> dict[str, Settings]:
    """Whatever has the sections ``intercom``, ``moengage`` and ``mapping`` of one configuration."""
    return {settings.ingest.config_name: settings}
