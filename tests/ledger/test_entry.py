from __future__ import annotations

import hmac
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import Entry, Index
from ledger.crypto import encrypt
from ledger.entry import RecordKey, format_leaf, parse_leaf, seal, unseal
from strokemap.errors import EntryInvalid, LogDamaged, VaultDamaged

KEY = RecordKey(b"\x05" * 32)


def test_the_leaf_is_canonical_and_says_only_what_is_public(entry: Entry, now: datetime) -> None:
    sealed = seal(entry, key=KEY, at=now)
    assert sealed.leaf == (
        b'{"actor":"Zm9yIHRoaXMgZGF5IG9ubHk","commit":"' + sealed.commitment.hex().encode() + b'",'
        b'"digests":{"build":"b1","index":"i1"},"institution":"north","kind":"search","role":"clinician",'
        b'"time":"2026-11-23T12:30:05Z","v":1}'
    )
    assert sealed == seal(entry, key=KEY, at=now.astimezone(timezone(timedelta(hours=9))))
    for part in (b"dysphasia", b"stroke", b"query"):
        assert part not in sealed.leaf
        assert part not in sealed.payload


def test_equal_contents_have_unrelated_commitments(entry: Entry, now: datetime) -> None:
    one, other = (seal(entry, key=RecordKey(bytes([i]) * 32), at=now) for i in (1, 2))
    assert one.commitment != other.commitment
    assert one.payload != other.payload


def test_a_payload_opens_only_with_its_key_and_for_its_commitment(entry: Entry, now: datetime) -> None:
    sealed = seal(entry, key=KEY, at=now)
    other = seal(replace(entry, content=b"other"), key=KEY, at=now)
    assert unseal(sealed.payload, key=KEY, commitment=sealed.commitment, where="entry 0") == entry.content
    for payload, key, commitment in [
        (sealed.payload, RecordKey(b"\x06" * 32), sealed.commitment),
        (sealed.payload, KEY, other.commitment),
        (sealed.payload[:-1], KEY, sealed.commitment),
        (b"", KEY, sealed.commitment),
    ]:
        with pytest.raises(VaultDamaged) as failure:
            unseal(payload, key=key, commitment=commitment, where="entry 0")
        assert failure.value.where == "entry 0"


def test_a_content_that_was_well_encrypted_but_never_committed_to_is_refused(entry: Entry, now: datetime) -> None:
    commitment = seal(entry, key=KEY, at=now).commitment
    payload_key = hmac.digest(KEY, b"strokemap/ledger/v1/payload", "sha256")
    forged = encrypt(b"another content", key=payload_key, bound=b"strokemap/ledger/v1/" + commitment)
    with pytest.raises(VaultDamaged):
        unseal(forged, key=KEY, commitment=commitment, where="entry 0")


def test_a_record_key_of_another_length_is_refused(entry: Entry, now: datetime) -> None:
    with pytest.raises(ValueError, match="31"):
        seal(entry, key=RecordKey(b"\x05" * 31), at=now)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "Search for stroke"), ("kind", ""), ("institution", "St Mary's"), ("role", "Dr Jones"),
        ("actor", "ist-000123"), ("actor", "jones@hospital.example"), ("actor", "x" * 65),
        ("digests", (("build", "a stroke patient"),)), ("digests", (("Build", "b"),)),
        ("digests", (("a", "1"), ("a", "2"))), ("digests", tuple((f"d{i}", "x" * 100) for i in range(50))),
    ],
)  # fmt: skip
def test_what_must_not_be_public_is_refused_with_its_field(entry: Entry, now: datetime, field: str, value: str) -> None:
    with pytest.raises(EntryInvalid) as failure:
        seal(replace(entry, **{field: value}), key=KEY, at=now)
    assert failure.value.where == field
    assert str(value) not in failure.value.message or not value


@settings(derandomize=True, deadline=None)
@given(
    st.builds(
        Entry,
        kind=st.from_regex(r"[a-z][a-z0-9_.-]{0,20}", fullmatch=True),
        institution=st.just("north"),
        role=st.just("clinician"),
        actor=st.sampled_from(["", "a" * 22]),
        digests=st.dictionaries(st.sampled_from("abc"), st.sampled_from(["", "sha256:00", "1"])).map(
            lambda digests: tuple(digests.items())
        ),
        content=st.binary(max_size=40),
        erases=st.none() | st.integers(0, 2**40).map(Index),
    ),
    st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2200, 1, 1)),  # noqa: DTZ001
)
def test_any_leaf_survives_being_read_and_written(entry: Entry, at: datetime) -> None:
    leaf = seal(entry, key=KEY, at=at).leaf
    assert leaf.isascii()
    assert format_leaf(parse_leaf(leaf, where="entry 0")) == leaf


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"null", b"\xff", b"{}", b'{"kind":1}', b"[" * 100_000, b'{"actor": "", "commit":"00"}', b'"text"'],
    ids=range(9),
)
def test_bytes_that_are_no_leaf_are_refused(data: bytes) -> None:
    with pytest.raises(LogDamaged):
        parse_leaf(data, where="entry 0")
