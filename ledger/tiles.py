"""Paths and bytes of the tiles (C2SP tlog-tiles): static files, from which anyone can check the log.

``tile/<level>/<number>`` holds up to 256 hashes, ``tile/entries/<number>`` the entries below one tile of level 0. A
tile that is not full yet carries its width: ``tile/0/004.p/17``.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger.tree import HASH_SIZE, Hash, HashReader, hash_leaves, perfect_root
from strokemap.errors import LedgerUnwritable, TileDamaged
from strokemap.home import replace_file, sync_folder

WIDTH = 256
_BITS = 8
_LEVELS = 8
_FULL = WIDTH * HASH_SIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """The name of one tile: ``level`` None is a bundle of entries."""

    level: int | None
    number: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Where it lies, from the ledger folder on."""
        *above, last = (group.zfill(3) for group in f"{self.number:,}".split(","))
        level = "entries" if self.level is None else self.level
        path = f"tile/{level}/" + "".join(f"x{group}/" for group in above) + last
        return path if self.width == WIDTH else f"{path}.p/{self.width}"


def parse_tile_path(path: str) -> Tile:
    """Read a path from the ledger folder on; ``parse_tile_path(tile.path) == tile``. Errors: TileDamaged."""
    body, _, width = path.removeprefix("tile/").partition(".p/")
    level, _, groups = body.partition("/")
    try:
        tile = Tile(
            level=None if level == "entries" else int(level),
            number=int(groups.replace("x", "").replace("/", "")),
            width=int(width) if width else WIDTH,
        )
    except ValueError:
        tile = None
    if tile is None or tile.path != path or not 0 <= (tile.level or 0) < 64 or not 0 < tile.width <= WIDTH:
        raise TileDamaged("There is a file where no tile belongs.", hint="Move it away.", where=f"ledger/{path}")
    return tile


def tile_of(level: int | None, number: int, *, size: int) -> Tile:
    """Name a tile as a log of ``size`` has it; of width 0 where it has none."""
    return Tile(level=level, number=number, width=min(WIDTH, (size >> _BITS * (level or 0)) - number * WIDTH))


def expected_tiles(size: int) -> Iterator[Tile]:
    """Give every tile that a published log of ``size`` entries has, partial ones with their width."""
    for level in (None, *range(_LEVELS)):
        tiles = -(-(size >> _BITS * (level or 0)) // WIDTH)
        yield from (tile_of(level, number, size=size) for number in range(tiles))


def pack_bundles(entries: Sequence[bytes], *, first: int) -> Iterator[tuple[Tile, bytes]]:
    """Give the bundles of entries from the one numbered ``first`` on: each entry's length in two bytes, then its bytes.

    ``entries`` begins where that bundle does.
    """
    for at in range(0, len(entries), WIDTH):
        chunk = entries[at : at + WIDTH]
        data = b"".join(len(entry).to_bytes(2, "big") + entry for entry in chunk)
        yield Tile(level=None, number=first + at // WIDTH, width=len(chunk)), data


def unpack_bundle(data: bytes, *, tile: Tile) -> list[bytes]:
    """Give the entries of a bundle. Errors: TileDamaged where the lengths don't add up."""
    entries: list[bytes] = []
    at = 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        entries.append(data[at + 2 : end])
        at = end
    if at != len(data) or len(entries) != tile.width:
        raise _damaged("A bundle of entries has lengths that don't add up.", tile)
    return entries


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiles:
    """The tiles under one ledger folder."""

    folder: Path

    def read(self, tile: Tile) -> bytes:
        """Give a tile's hashes. Errors: TileDamaged."""
        data, stored = self._load(tile)
        if len(data) != stored.width * HASH_SIZE:
            raise _damaged("A tile has the wrong length.", stored)
        return data[: tile.width * HASH_SIZE]

    def entries(self, number: int, *, size: int) -> list[bytes]:
        """Give the entries of one bundle of the published log of ``size``. Errors: TileDamaged."""
        tile = tile_of(None, number, size=size)
        data, stored = self._load(tile)
        return unpack_bundle(data, tile=stored)[: tile.width]

    def _load(self, tile: Tile) -> tuple[bytes, Tile]:
        # Where the partial tile was cleaned away, its content begins the full one.
        for stored in (tile, Tile(level=tile.level, number=tile.number)):
            try:
                return (self.folder / stored.path).read_bytes(), stored
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise _damaged(f"A tile can't be read: {error.strerror}.", tile) from None
        raise _damaged("A tile is missing.", tile)

    def loose_entries(self, size: int) -> list[bytes]:
        """Give those of ``size`` published entries that no full tile holds, compared with their hashes.

        They are carried on into the next bundle: what does not belong to its hashes must not be. Errors: TileDamaged.
        """
        tile = tile_of(0, size // WIDTH, size=size)
        if not tile.width:
            return []
        entries = self.entries(tile.number, size=size)
        if hash_leaves(entries) != self.read(tile):
            bundle = tile_of(None, tile.number, size=size)
            raise _damaged("A bundle of entries does not belong to its tile.", bundle)
        return entries

    def grow(self, hashes: bytes, *, size: int) -> Iterator[tuple[Tile, bytes]]:
        """Give the tiles that change when leaves with these hashes follow ``size`` published ones; writes nothing.

        Lower levels come first. With ``size`` 0 nothing is read, either. Errors: TileDamaged.
        """
        level = 0
        while hashes:
            last = tile_of(level, (size >> _BITS * level) // WIDTH, size=size)
            row = (self.read(last) if last.width else b"") + hashes
            tiles = [row[at : at + _FULL] for at in range(0, len(row), _FULL)]
            for number, data in enumerate(tiles, start=last.number):
                yield Tile(level=level, number=number, width=len(data) // HASH_SIZE), data
            hashes = b"".join(perfect_root(data) for data in tiles if len(data) == _FULL)
            level += 1

    def hashes(self, size: int, *, made: Iterable[tuple[Tile, bytes]] = ()) -> HashReader:
        """Give a reader of subtree hashes of the log of ``size``; a tile is taken from ``made``, or read once."""
        known = {(tile.level, tile.number): data for tile, data in made}

        def read(level: int, number: int) -> Hash:
            tile_level, bits = divmod(level, _BITS)
            tile_number, offset = divmod(number << bits, WIDTH)
            at = tile_level, tile_number
            if at not in known:
                known[at] = self.read(tile_of(*at, size=size))
            return perfect_root(known[at][offset * HASH_SIZE : (offset + (1 << bits)) * HASH_SIZE])

        return read

    def write(self, tile: Tile, data: bytes) -> None:
        """Store a tile; durable on return. Errors: OSError."""
        path = self.folder / tile.path
        make_folder(path.parent)
        replace_file(path, data)

    def clean(self) -> None:
        """Remove partial tiles whose full one exists, and what killed writers left. Hold the publishing lock."""
        for path in list((self.folder / "tile").rglob("*")):
            if path.name.startswith("."):
                path.unlink(missing_ok=True)
            elif path.suffix == ".p" and path.with_suffix("").is_file():
                shutil.rmtree(path)


def _damaged(message: str, tile: Tile) -> TileDamaged:
    hint = "Restore it from a mirror or a backup; or delete the folder ledger/tile: the next search makes it anew."
    return TileDamaged(message, hint=hint, where=f"ledger/{tile.path}")


def make_folder(folder: Path) -> None:
    """Make a folder and those above it; each is entered durably in its parent before anything is put into it."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def unwritable(error: OSError, *, where: str) -> LedgerUnwritable:
    """Give the error for a disk that refuses."""
    return LedgerUnwritable(
        f"The ledger can't be read or written: {error.strerror or 'the disk refused'}.",
        hint="Look at the disk's room, permissions and health, then try again; nothing half-written counts.",
        where=where,
    )
