from pathlib import Path

import pytest

from strokemap.errors import InputMissing, SettingsInvalid
from strokemap.settings import load_settings


def test_option_goes_before_variable_and_variable_before_file(tmp_path: Path) -> None:
    config = tmp_path / "strokemap.toml"
    config.write_text('home = "/from/file"\ncontact = "file@hospital.example"\n')
    environment = {"STROKEMAP_HOME": "/from/variable"}
    assert load_settings(config=config, environment=environment).home == Path("/from/variable")
    assert load_settings(config=config, environment=environment, home=Path("/option")).home == Path("/option")
    assert load_settings(config=config, environment=environment).contact == "file@hospital.example"


def test_stores_lie_under_home_by_default() -> None:
    settings = load_settings(environment={"STROKEMAP_HOME": "/data"})
    assert settings.map_store_url() == "sqlite:////data/map.db"
    assert settings.history_store_url() == "duckdb:////data/histories"


def test_unknown_variable_is_an_error_that_names_it() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(environment={"STROKEMAP_HOEM": "/data"})
    assert caught.value.where == "hoem"
    assert "home" in caught.value.hint


@pytest.mark.parametrize("content", ['hoem = "x"', "home = 3", "home", b"\xff\xfe"])
def test_bad_settings_file_is_an_error(tmp_path: Path, content: str | bytes) -> None:
    config = tmp_path / "strokemap.toml"
    config.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SettingsInvalid):
        load_settings(config=config, environment={})


def test_named_settings_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(InputMissing):
        load_settings(config=tmp_path / "none.toml", environment={})


def test_passwords_in_addresses_are_masked() -> None:
    for password in ("p@ss:word", "p/a?s#s@w/ord"):
        settings = load_settings(environment={"STROKEMAP_MAP_STORE": f"neo4j://user:{password}@host:7687/db"})
        assert settings.masked()["map_store"] == "neo4j://user:***@host:7687/db"
