import stat

import pytest

from strokemap.errors import HomeUnwritable, KeyMalformed
from strokemap.keys import NAMES, SELF_MADE, Keys


def test_key_is_made_once_and_read_again(keys: Keys) -> None:
    secret = keys.secret("ledger")
    assert len(secret) == 32
    assert keys.secret("ledger") == secret
    assert keys.secret("vault") != secret


def test_key_file_is_for_its_owner_alone(keys: Keys) -> None:
    keys.secret("ledger")
    assert stat.S_IMODE(keys.path("ledger").stat().st_mode) == 0o600


def test_self_made_keys_become_the_operators_when_the_mark_is_removed(keys: Keys) -> None:
    secrets = {name: keys.secret(name) for name in NAMES}
    assert len(keys.self_made()) == len(NAMES)
    for name in NAMES:
        path = keys.path(name)
        path.write_text(path.read_text().removeprefix(SELF_MADE))
    assert keys.self_made() == ()
    assert {name: keys.secret(name) for name in NAMES} == secrets


def test_missing_keys_count_as_self_made(keys: Keys) -> None:
    assert len(keys.self_made()) == len(NAMES)


@pytest.mark.parametrize("content", ["", "abc", "c2hvcnQ=", "!" * 44])
def test_malformed_key_is_never_replaced(keys: Keys, content: str) -> None:
    path = keys.path("vault")
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with pytest.raises(KeyMalformed):
        keys.secret("vault")
    assert path.read_text() == content


def test_error_about_a_key_does_not_show_it(keys: Keys) -> None:
    path = keys.path("vault")
    path.parent.mkdir(parents=True)
    path.write_text("supersecret")
    with pytest.raises(KeyMalformed) as caught:
        keys.secret("vault")
    assert "supersecret" not in str(caught.value.document())


def test_unusable_keys_folder_is_reported(keys: Keys) -> None:
    keys.folder.write_text("a file")
    with pytest.raises(HomeUnwritable):
        keys.secret("vault")
