"""Paths and bytes of the tiles (C2SP tlog-tiles): static files, from which anyone can check the log.

``tile/<level>/<number>`` holds up to 256 hashes, ``tile/entries/<number>`` the entries below one tile of level 0. A
tile that is not full yet carries its width: ``tile/0/004.p/17``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ledger.tree import HASH_SIZE, Hash, HashReader, leaf_hash, perfect_root, tree_root
from strokemap.errors import LedgerUnwritable, TileDamaged
from strokemap.home import replace_file

WIDTH = 256
_BITS = 8
_RESTORE = "Restore it from a mirror or a backup; or delete the folder ledger/tile and publish: the log rebuilds it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """The name of one tile: ``level`` None is a bundle of entries."""

    level: int | None
    number: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Where it lies, from the ledger folder on."""
        groups = [f"{self.number % 1000:03d}"]
        rest = self.number // 1000
        while rest:
            groups.insert(0, f"x{rest % 1000:03d}")
            rest //= 1000
        level = "entries" if self.level is None else str(self.level)
        return f"tile/{level}/{'/'.join(groups)}" + ("" if self.width == WIDTH else f".p/{self.width}")

    @property
    def where(self) -> str:
        """Name it in an error."""
        return f"ledger/{self.path}"


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


def expected_tiles(size: int) -> Iterator[Tile]:
    """Give every tile that a published log of ``size`` entries has, partial ones with their width."""
    level, count = 0, size
    while count:
        for number in range(-(-count // WIDTH)):
            width = min(WIDTH, count - number * WIDTH)
            if level == 0:
                yield Tile(level=None, number=number, width=width)
            yield Tile(level=level, number=number, width=width)
        level, count = level + 1, count >> _BITS


def pack_entry(leaf: bytes) -> bytes:
    """Give an entry as it stands in a bundle: two bytes of length, then its bytes."""
    return len(leaf).to_bytes(2, "big") + leaf


def unpack_entries(bundle: bytes, *, tile: Tile) -> list[bytes]:
    """Give the entries of a bundle. Errors: TileDamaged where the lengths don't add up."""
    entries: list[bytes] = []
    at = 0
    while at < len(bundle):
        end = at + 2 + int.from_bytes(bundle[at : at + 2], "big")
        entries.append(bundle[at + 2 : end])
        at = end
    if at != len(bundle) or len(entries) != tile.width:
        raise TileDamaged("A bundle of entries has lengths that don't add up.", hint=_RESTORE, where=tile.where)
    return entries


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiles:
    """The tiles under one ledger folder."""

    folder: Path

    def read(self, tile: Tile) -> bytes:
        """Give a tile's bytes, taken from the full one where the partial one was cleaned away. Errors: TileDamaged."""
        for candidate in (tile, Tile(level=tile.level, number=tile.number)):
            try:
                data = (self.folder / candidate.path).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise TileDamaged(f"A tile can't be read: {error.strerror}.", hint=_RESTORE, where=tile.where) from None
            if tile.level is None:
                entries = unpack_entries(data, tile=candidate)[: tile.width]
                return b"".join(map(pack_entry, entries))
            if len(data) != candidate.width * HASH_SIZE:
                raise TileDamaged("A tile has the wrong length.", hint=_RESTORE, where=candidate.where)
            return data[: tile.width * HASH_SIZE]
        raise TileDamaged("A tile is missing.", hint=_RESTORE, where=tile.where)

    def entry(self, index: int, *, size: int) -> bytes:
        """Give an entry of the published log of ``size``. Errors: TileDamaged."""
        number = index // WIDTH
        tile = Tile(level=None, number=number, width=min(WIDTH, size - number * WIDTH))
        return unpack_entries(self.read(tile), tile=tile)[index % WIDTH]

    def hashes(self, size: int) -> HashReader:
        """Give a reader of subtree hashes, good for the published log of ``size``. Each tile is read once."""
        kept: dict[tuple[int, int], bytes] = {}

        def fetch(level: int, number: int) -> bytes:
            if (level, number) not in kept:
                width = min(WIDTH, (size >> _BITS * level) - number * WIDTH)
                kept[level, number] = self.read(Tile(level=level, number=number, width=width))
            return kept[level, number]

        return subtree_hashes(fetch)

    def write(self, tile: Tile, data: bytes) -> None:
        """Store a tile; durable on return. Errors: LedgerUnwritable."""
        path = self.folder / tile.path
        try:
            make_folder(path.parent)
            replace_file(path, data)
        except OSError as error:
            raise unwritable(error, where=tile.where) from None

    def clean(self) -> None:
        """Remove partial tiles whose full one exists, and what killed writers left. Hold the publishing lock."""
        for parent, folders, files in os.walk(self.folder / "tile"):
            for name in files:
                if name.startswith("."):
                    Path(parent, name).unlink()
            for name in [name for name in folders if name.endswith(".p")]:
                if Path(parent, name.removesuffix(".p")).is_file():
                    folders.remove(name)
                    for partial in Path(parent, name).iterdir():
                        partial.unlink()
                    Path(parent, name).rmdir()


@dataclass(slots=True, kw_only=True)
class Edge:
    """The right edge of the tree: all that is needed to add entries, a few hashes a level."""

    size: int = 0
    levels: list[bytearray] = field(default_factory=lambda: [bytearray()])
    bundle: bytearray = field(default_factory=bytearray)

    @classmethod
    def load(cls, tiles: Tiles, *, size: int) -> Edge:
        """Read the edge of the published log of ``size`` from its partial tiles. Errors: TileDamaged."""
        edge, count = cls(size=size, levels=[]), size
        while count or not edge.levels:
            level, width = len(edge.levels), count % WIDTH
            tile = Tile(level=level, number=count // WIDTH, width=width)
            edge.levels.append(bytearray(tiles.read(tile) if width else b""))
            count >>= _BITS
        if size % WIDTH:
            tile = Tile(level=None, number=size // WIDTH, width=size % WIDTH)
            edge.bundle += tiles.read(tile)
            # The bundle is carried on into the next one: what does not belong to its hashes must not be.
            if b"".join(map(leaf_hash, unpack_entries(bytes(edge.bundle), tile=tile))) != edge.levels[0]:
                raise TileDamaged("A bundle of entries does not belong to its tile.", hint=_RESTORE, where=tile.where)
        return edge

    def append(self, leaf: bytes) -> list[tuple[Tile, bytes]]:
        """Add one entry; give the tiles that it made full."""
        self.levels[0] += leaf_hash(leaf)
        self.bundle += pack_entry(leaf)
        self.size += 1
        full: list[tuple[Tile, bytes]] = []
        level, number = 0, self.size // WIDTH - 1
        while len(self.levels[level]) == WIDTH * HASH_SIZE:
            if level == 0:
                full.append((Tile(level=None, number=number), bytes(self.bundle)))
                self.bundle.clear()
            data = bytes(self.levels[level])
            full.append((Tile(level=level, number=number), data))
            self.levels[level].clear()
            if level + 1 == len(self.levels):
                self.levels.append(bytearray())
            self.levels[level + 1] += perfect_root(data)
            level, number = level + 1, number // WIDTH
        return full

    def partial(self) -> list[tuple[Tile, bytes]]:
        """Give the tiles that are not full."""
        found: list[tuple[Tile, bytes]] = []
        for level, hashes in enumerate(self.levels):
            width, number = len(hashes) // HASH_SIZE, (self.size >> _BITS * level) // WIDTH
            if width and level == 0:
                found.append((Tile(level=None, number=number, width=width), bytes(self.bundle)))
            if width:
                found.append((Tile(level=level, number=number, width=width), bytes(hashes)))
        return found

    def root(self) -> Hash:
        """Give the root of the tree up to here."""
        return tree_root(self.size, hashes=subtree_hashes(lambda level, _: bytes(self.levels[level])))


def subtree_hashes(fetch: Callable[[int, int], bytes]) -> HashReader:
    """Give a reader of subtree hashes over ``fetch(level, number)``, which gives a tile's hashes."""

    def read(level: int, number: int) -> Hash:
        tile_level, bits = divmod(level, _BITS)
        tile_number, offset = divmod(number << bits, WIDTH)
        start = offset * HASH_SIZE
        return perfect_root(fetch(tile_level, tile_number)[start : start + (HASH_SIZE << bits)])

    return read


def make_folder(folder: Path) -> None:
    """Make a folder and those above it; each is entered durably in its parent before anything is put into it."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: a new file can be lost without this, even when its bytes were synced."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unwritable(error: OSError, *, where: str) -> LedgerUnwritable:
    """Give the error for a disk that refuses."""
    return LedgerUnwritable(
        f"The ledger can't be written: {error.strerror or 'the disk refused'}.",
        hint="Look at the disk's room, permissions and health, then try again; nothing half-written counts.",
        where=where,
    )
