"""Settings: ``strokemap.toml`` and ``STROKEMAP_*``, read once by the face that starts the process."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from strokemap.errors import SettingsInvalid
from strokemap.home import default_root
from strokemap.keys import default_folder
from strokemap.reading import read_text

PREFIX = "STROKEMAP_"
# Up to the last @: a password that should have been written with %2F must not be shown for that.
_PASSWORD = re.compile(r"(://[^/@:]*:).*@")
_ELSEWHERE = {"STROKEMAP_CONFIG", "STROKEMAP_TEST_DATA"}


class Settings(BaseModel):
    """What is in force. Each field is a key of ``strokemap.toml`` and, in capitals, a ``STROKEMAP_*`` variable."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Field(default_factory=default_root, description="The folder of all state")
    keys: Path = Field(default_factory=default_folder, description="The folder of the secrets, outside home")
    map_store: str = Field("", description="neo4j://… or sqlite:///FILE; empty: map.db under home")
    history_store: str = Field("", description="hive://… or duckdb:///FOLDER; empty: histories/ under home")
    contact: str = Field("", description="The operator's mail or web address, sent to a wiki with each request")
    sync_hours: dict[str, float] = Field({}, description="Institution and the hours within which it should be synced")
    retention_days: int = Field(0, ge=0, description="Days after which a batch is dropped; 0: never")
    origin: str = Field("", description="The ledger's name when home is first made, such as hospital.example/ledger")

    def map_store_url(self) -> str:
        """Give the map store's URL with the default filled in."""
        return self.map_store or f"sqlite:///{self.home / 'map.db'}"

    def history_store_url(self) -> str:
        """Give the history store's URL with the default filled in."""
        return self.history_store or f"duckdb:///{self.home / 'histories'}"

    def masked(self) -> dict[str, str]:
        """Give the settings as text; a password in an address is masked."""
        filled = self.model_dump() | {"map_store": self.map_store_url(), "history_store": self.history_store_url()}
        return {name: _PASSWORD.sub(r"\1***@", str(value)) for name, value in filled.items()}


def load_settings(
    *, config: Path | None = None, home: Path | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    """Read the settings; an option goes before a variable, a variable before the file.

    Errors: InputMissing for a ``--config`` that is not there, SettingsInvalid with the key.
    """
    variables = os.environ if environment is None else environment
    named = config or (Path(variables["STROKEMAP_CONFIG"]) if variables.get("STROKEMAP_CONFIG") else None)
    values: dict[str, Any] = _read_file(named or Path("strokemap.toml"), required=named is not None)
    for variable, value in variables.items():
        if variable.startswith(PREFIX) and variable not in _ELSEWHERE:
            values[variable.removeprefix(PREFIX).lower()] = value
    if home is not None:
        values["home"] = home
    try:
        settings = Settings(**values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise SettingsInvalid(
            f"The setting “{key}” can't be used: {first['msg'].lower()}.",
            hint=f"Known settings: {', '.join(sorted(Settings.model_fields))}.",
            where=key,
        ) from None
    return settings.model_copy(update={"home": settings.home.absolute(), "keys": settings.keys.absolute()})


def _read_file(path: Path, *, required: bool) -> dict[str, Any]:
    if not required and not path.exists():
        return {}
    text = read_text(path, what="settings file", wanted="a TOML file with --config", malformed=SettingsInvalid)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsInvalid(f"The settings file is not TOML: {error}.", hint="Mend it.", where=str(path)) from None
