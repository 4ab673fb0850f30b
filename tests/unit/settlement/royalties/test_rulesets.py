import pytest

from settlement.errors import UnknownName
from settlement.royalties import usercentric_v1
from settlement.royalties.rulesets import RULESETS, ruleset_named


def test_ruleset_named__published__its_module() -> None:
    assert ruleset_named("usercentric-v1") is usercentric_v1


def test_ruleset_named__unknown__names_the_published() -> None:
    with pytest.raises(UnknownName, match="no ruleset is named 'global-v9'; known: usercentric-v1"):
        ruleset_named("global-v9")


def test_rulesets__names__unique() -> None:
    names = [name for name, _ in RULESETS]

    assert len(names) == len(set(names))
