import json
import threading
from pathlib import Path

import pytest

from strokemap.errors import FormatUnknown, HomeBusy, HomeUnwritable
from strokemap.home import Home, open_home, replace_file


def test_home_keeps_its_origin_when_opened_again(tmp_path: Path) -> None:
    first = open_home(tmp_path / "home")
    assert first.origin.startswith("strokemap.invalid/")
    assert open_home(tmp_path / "home", origin="other.example/ledger") == first


def test_two_homes_have_different_origins(tmp_path: Path) -> None:
    assert open_home(tmp_path / "a").origin != open_home(tmp_path / "b").origin


def test_home_of_a_newer_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home.json").write_text('{"format": "strokemap-home-2"}')
    with pytest.raises(FormatUnknown, match="not a home"):
        open_home(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "nonsense"])
def test_damaged_home_record_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "home.json").write_text(content)
    with pytest.raises(FormatUnknown):
        open_home(tmp_path)


def test_home_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeUnwritable):
        open_home(tmp_path / "file" / "home")


def test_pointers_are_swapped_one_by_one(home: Home) -> None:
    assert home.current("map") is None
    home.point("map", "abc")
    home.point("index", "def")
    home.point("map", "ghi")
    assert (home.current("map"), home.current("index")) == ("ghi", "def")


def test_unknown_pointer_is_a_fault_of_ours(home: Home) -> None:
    with pytest.raises(ValueError, match="mpa"):
        home.point("mpa", "abc")


def test_pointers_moved_at_once_are_all_kept(home: Home) -> None:
    def move(name: str) -> None:
        for number in range(20):
            home.point(name, str(number))

    threads = [threading.Thread(target=move, args=(name,)) for name in ("map", "index", "profiles")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert json.loads((home.root / "current.json").read_text()) == {"map": "19", "index": "19", "profiles": "19"}


def test_held_lock_is_reported_at_once(home: Home) -> None:
    with home.lock("crawl"), pytest.raises(HomeBusy), home.lock("crawl", wait=False):
        pass
    with home.lock("crawl", wait=False):
        pass


def test_replace_file_leaves_no_temporary_file(tmp_path: Path) -> None:
    replace_file(tmp_path / "file", "one")
    replace_file(tmp_path / "file", b"two")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "two"
