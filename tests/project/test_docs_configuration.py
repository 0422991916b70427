"""docs/configuration.md lists every setting by its environment variable and with its true default."""

import dataclasses
import re

import pytest

from app.config import Settings, SettingsSchema
from app.setting_declaration import variable
from tests.project.tree import text_of

NOTHING = "none"
DEFAULTS = {variable(field.name): field.default for field in dataclasses.fields(Settings)}


def documented() -> dict[str, tuple[str, str, str]]:
    """Return unit, default and meaning of each variable in the tables."""
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.+?) \| (.+?) \| (.+) \|$", text_of("docs/configuration.md"), re.MULTILINE)
    return {name: (unit, default, meaning) for name, unit, default, meaning in rows}


def test_the_page_lists_each_setting_and_no_other() -> None:
    assert documented().keys() == {variable(name) for name in SettingsSchema().fields}


@pytest.mark.parametrize("name", SettingsSchema().fields)
def test_the_page_has_the_default_of_each_setting(name: str) -> None:
    _, default, _ = documented()[variable(name)]

    if default == NOTHING:
        assert not DEFAULTS[variable(name)]
    else:
        assert SettingsSchema().load({name: default.strip("`")})[name] == DEFAULTS[variable(name)]


def test_a_unit_is_the_one_in_the_name() -> None:
    units = {"_S": "seconds", "_MS": "milliseconds", "_HOURS": "hours", "_DAYS": "days"}
    wrong = [
        name
        for name, (unit, _, _) in documented().items()
        for ending, expected in units.items()
        if name.endswith(ending) and unit != expected
    ]

    assert wrong == []


def test_every_document_names_settings_that_exist() -> None:
    documents = ["README.md", "docs/architecture.md", "docs/job-lifecycle.md", "docs/operations.md"]
    named = {name for document in documents for name in re.findall(r"\bMERGELANE_[A-Z_]+\b", text_of(document))}

    of_compose = set(re.findall(r"^(MERGELANE_[A-Z_]+)=", text_of(".env.example"), re.MULTILINE))

    assert named - DEFAULTS.keys() - of_compose == set()
