from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.tiles import Tile, Tiles, expected_tiles, pack_bundles, parse_tile_path
from ledger.tree import Index, Size, check_inclusion, hash_leaves, leaf_hash, prove_inclusion, tree_root
from strokemap.errors import TileDamaged

TILES = st.builds(Tile, level=st.none() | st.integers(0, 63), number=st.integers(0, 10**10), width=st.integers(1, 256))


def test_paths_are_those_of_the_specification() -> None:
    assert Tile(level=0, number=1234067).path == "tile/0/x001/x234/067"
    assert Tile(level=None, number=0, width=17).path == "tile/entries/000.p/17"


def test_seventy_thousand_entries_have_the_tiles_of_the_specification() -> None:
    paths = [tile.path for tile in expected_tiles(70_000)]
    hashes = [path for path in paths if "entries" not in path]
    assert len([path for path in hashes if path.startswith("tile/0/") and ".p/" not in path]) == 273
    assert [path for path in hashes if ".p/" in path] == ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]
    assert "tile/1/000" in hashes
    assert len(hashes) == 273 + 1 + 1 + 1 + 1
    assert len(paths) - len(hashes) == 274


@settings(derandomize=True, deadline=None)
@given(TILES)
def test_a_path_names_one_tile(tile: Tile) -> None:
    assert parse_tile_path(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    ["tile/0/0", "tile/0/1000", "tile/00/000", "tile/0/000.p/256", "tile/0/000.p/0", "tile/0/000.p/+5", "tile/x/000",
     "tile/0/x000/001", "tile/0/000/", "tile/0", "tile/-1/000", "tile/0/000.p/1_0", "notes.txt", "tile/0/٠٠٠"],
)  # fmt: skip
def test_a_file_that_is_no_tile_is_refused(path: str) -> None:
    with pytest.raises(TileDamaged):
        parse_tile_path(path)


def store(tiles: Tiles, leaves: list[bytes], *, size: int = 0) -> None:
    entries = [*tiles.loose_entries(size), *leaves]
    for tile, data in [*pack_bundles(entries, first=size // 256), *tiles.grow(hash_leaves(leaves), size=size)]:
        path = tiles.folder / tile.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 600])
def test_tiles_go_on_from_where_they_stopped_as_if_they_had_never_stopped(tmp_path: Path, size: int) -> None:
    leaves = [b"leaf %d" % i for i in range(size + 300)]
    at_once, tiles = Tiles(folder=tmp_path / "at once"), Tiles(folder=tmp_path / "twice")
    store(at_once, leaves)
    store(tiles, leaves[:size])
    first = files(tiles.folder)
    assert first.keys() == {tile.path for tile in expected_tiles(size)}
    store(tiles, leaves[size:], size=size)
    assert files(tiles.folder) == first | files(at_once.folder)
    count = Size(size + 300)
    made = tiles.grow(hash_leaves(leaves), size=0)
    root = tree_root(count, hashes=tiles.hashes(count))
    assert root == tree_root(count, hashes=Tiles(folder=tmp_path / "none").hashes(count, made=made))
    for index in (0, size - 1, size, size + 299):
        proof = prove_inclusion(Index(index), size=count, hashes=tiles.hashes(count))
        check_inclusion(leaf_hash(leaves[index]), index=Index(index), size=count, proof=proof, root=root)
        assert tiles.entries(index // 256, size=count)[index % 256] == leaves[index]


def test_partial_tiles_go_once_the_full_one_is_there_and_readers_do_not_notice(tmp_path: Path) -> None:
    tiles = Tiles(folder=tmp_path)
    store(tiles, [b"a"] * 10)
    before = tiles.read(Tile(level=0, number=0, width=10)), tiles.entries(0, size=10)
    tiles.clean()
    assert (tmp_path / "tile/0/000.p/10").exists()
    store(tiles, [b"a"] * 250, size=10)
    (tmp_path / "tile/0/.000.left.by.a.killed.writer").write_bytes(b"x")
    tiles.clean()
    assert not (tmp_path / "tile/0/000.p").exists()
    assert not list(tmp_path.rglob(".*"))
    assert (tmp_path / "tile/0/001.p/4").exists()
    assert before == (tiles.read(Tile(level=0, number=0, width=10)), tiles.entries(0, size=10))


@pytest.mark.parametrize("damage", [b"", b"\x00", b"\xff\xff", b"\x00\x01ab"])
def test_a_bundle_whose_lengths_do_not_add_up_is_refused(tmp_path: Path, damage: bytes) -> None:
    tiles = Tiles(folder=tmp_path)
    store(tiles, [b"a"])
    (tmp_path / "tile/entries/000.p/1").write_bytes(damage)
    with pytest.raises(TileDamaged) as failure:
        tiles.entries(0, size=1)
    assert failure.value.where == "ledger/tile/entries/000.p/1"
