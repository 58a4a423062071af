"""Secrets outside home: 32 random bytes a file, base64, mode 0600, in a folder named by the home's origin.

A key that Strokemap made itself carries a first line that says so. Whoever runs a service backs the file up and removes
that line: from then on the key is theirs, and ``serve`` accepts it.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_config_path

from strokemap.errors import HomeUnwritable, KeyMalformed

NAMES = ("ledger", "vault", "pseudonym", "token")
SELF_MADE = "# made by strokemap on first use: back this file up, then remove this line"
_SIZE = 32


def default_folder() -> Path:
    """Give the platform's configuration folder for Strokemap's keys."""
    return user_config_path("strokemap", appauthor=False) / "keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The keys of one origin."""

    folder: Path
    origin: str

    def path(self, name: str) -> Path:
        """Give the file of a key."""
        if name not in NAMES:
            raise ValueError(name)
        return self.folder / re.sub(r"[^A-Za-z0-9.-]", "_", self.origin) / f"{name}.key"

    def secret(self, name: str) -> bytes:
        """Give a key's 32 bytes, made at random on first use. Errors: KeyMalformed, HomeUnwritable."""
        path = self.path(name)
        try:
            if not path.exists():
                self._make(path)
            text = path.read_text(encoding="ascii").removeprefix(SELF_MADE).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise HomeUnwritable(
                f"The key “{name}” can't be read or made: {type(error).__name__}.",
                hint="Give a writable folder with STROKEMAP_KEYS, or mend the file's permissions.",
                where=str(path),
            ) from None
        try:
            key = base64.b64decode(text, validate=True)
        except binascii.Error:
            key = b""
        if len(key) != _SIZE:
            raise KeyMalformed(
                f"The key “{name}” is not {_SIZE} bytes in base64.",
                hint="Restore it from your backup; a new key can't open what the old one sealed.",
                where=str(path),
            )
        return key

    def self_made(self) -> tuple[Path, ...]:
        """Give the files of the keys that nobody has taken over yet."""
        paths = [self.path(name) for name in NAMES]
        return tuple(p for p in paths if not p.exists() or p.read_bytes().startswith(SELF_MADE.encode()))

    def _make(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as handle:
            text = f"{SELF_MADE}\n{base64.b64encode(secrets.token_bytes(_SIZE)).decode()}\n"
            handle.write(text.encode())
            handle.flush()
            os.fsync(handle.fileno())
        # A hard link fails when another process was first: then its key is the key.
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
        temporary.unlink()
