"""Which configuration a record belongs to."""

from __future__ import annotations

import pytest

from events.configurations import Configurations
from events.errors import InvalidRecord, UnknownConfiguration

TWO = Configurations(("Main", "eu"))


@pytest.mark.parametrize("config", ["", "Main", "main", "MAIN"])
def test_the_default_configuration_has_no_scope(config: str) -> None:
    assert (TWO.scope(config), TWO.named(config)) == ("", "Main")


@pytest.mark.parametrize("config", ["eu", "EU", "Eu"])
def test_any_other_has_its_name(config: str) -> None:
    assert (TWO.scope(config), TWO.named(config)) == ("eu", "eu")


@pytest.mark.parametrize("config", ["us", "e", "eu ", "main\x1f"])
def test_a_name_that_the_settings_do_not_have_is_told(config: str) -> None:
    with pytest.raises(UnknownConfiguration, match="put it back") as caught:
        TWO.scope(config)
    assert repr(config) in str(caught.value)
    assert isinstance(caught.value, InvalidRecord)
    with pytest.raises(UnknownConfiguration):
        TWO.named(config)


def test_alone_the_default_configuration_has_the_name_of_before() -> None:
    assert Configurations().names == ("default",)
