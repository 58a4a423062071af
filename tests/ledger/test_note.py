from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.crypto import check_signature, public_key, sign
from ledger.note import (
    COSIGNATURE_ED25519,
    MAX_NOTE,
    Checkpoint,
    PublicKey,
    Signature,
    Signer,
    find_signature,
    parse_checkpoint,
    parse_public_key,
)
from ledger.tree import EMPTY_ROOT, Hash, Size
from strokemap.errors import CheckpointMalformed, LedgerKeyInvalid, ProofMismatch

# The example of the signed-note specification.
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
TEXT = b"This is an example message.\n"
SIGNATURE = "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="

SIGNER = Signer(name="hospital.example/ledger", secret=b"\x01" * 32)
SIGNED = SIGNER.sign(size=Size(70_000), root=Hash(bytes(range(32))))
GOOD = SIGNED.text.encode()
ROOT_LINE = base64.b64encode(bytes(range(32)))


def cosign(checkpoint: Checkpoint, *, name: str, secret: bytes, seen: int) -> tuple[PublicKey, Checkpoint]:
    key = PublicKey(name=name, kind=COSIGNATURE_ED25519, public=public_key(secret))
    data = sign(f"cosignature/v1\ntime {seen}\n{checkpoint.body}".encode(), secret=secret)
    line = Signature(name=name, key_id=key.id, data=seen.to_bytes(8, "big") + data)
    return key, replace(checkpoint, signatures=(*checkpoint.signatures, line))


def test_the_specifications_example_verifies() -> None:
    key, data = parse_public_key(VKEY), base64.b64decode(SIGNATURE)
    assert key.name == "example.com/foo"
    assert data[:4] == key.id
    check_signature(data[4:], message=TEXT, public=key.public, name=key.name, where="note")
    with pytest.raises(ProofMismatch):
        check_signature(data[4:], message=TEXT + b" ", public=key.public, name=key.name, where="note")


@pytest.mark.parametrize(
    "text",
    ["", "a", "a+b", "a+530d903a+!!!!", VKEY + "\n", VKEY.replace("530d", "530e"), VKEY.replace("530d", "530D"),
     "+" + VKEY, VKEY.replace("example.com/foo", "example.com/f o"), VKEY + "=", VKEY[:-1]],
)  # fmt: skip
def test_a_malformed_key_is_refused(text: str) -> None:
    with pytest.raises(LedgerKeyInvalid):
        parse_public_key(text)


@pytest.mark.parametrize("public", [bytes([1]) + bytes(31), bytes(32), b"\xec" + b"\xff" * 30 + b"\x7f", b"\xff" * 32])
def test_a_key_under_which_a_signature_proves_nothing_is_refused(public: bytes) -> None:
    with pytest.raises(LedgerKeyInvalid):
        parse_public_key(PublicKey(name="a", kind=1, public=public).text)


def test_a_checkpoint_comes_back_as_it_went() -> None:
    assert parse_checkpoint(GOOD) == SIGNED
    assert find_signature(SIGNED, key=SIGNER.key) == SIGNED.signatures[0]
    assert GOOD.startswith(
        b"hospital.example/ledger\n70000\n" + ROOT_LINE + b"\n\n\xe2\x80\x94 hospital.example/ledger "
    )
    assert SIGNER.sign(size=Size(70_000), root=Hash(bytes(range(32)))) == SIGNED


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (b"70000", b"+5", 2),
        (b"70000", b"070000", 2),
        (b"70000", b"7_0000", 2),
        (b"70000", "٧".encode(), 2),
        (b"70000", b" 70000", 2),
        (b"70000", b"70000\r", 2),
        (b"70000", b"-1", 2),
        (b"70000", b"1e3", 2),
        (b"70000", b"9223372036854775808", 2),
        (b"70000", b"9" * 5000, 2),
        (b"70000", b"\xff", 2),
        (ROOT_LINE, ROOT_LINE[:-1], 3),
        (ROOT_LINE, ROOT_LINE[:-2] + b"9=", 3),
        (ROOT_LINE, b"*" + ROOT_LINE, 3),
        (ROOT_LINE, base64.b64encode(b"short"), 3),
        (b"\n\n", b"\nextension\n\n", 4),
        (b"hospital.example/ledger\n7", b"hospital example/ledger\n7", 1),
        (b"hospital.example/ledger\n7", b"\n7", 1),
        ("— ".encode(), b"- ", 5),
        ("— ".encode(), "—  ".encode(), 5),
        ("— hospital".encode(), "— a+hospital".encode(), 5),
        (b"=\n", b"\n", 3),
    ],
)
def test_a_checkpoint_that_is_not_written_exactly_is_refused_with_its_line(old: bytes, new: bytes, line: int) -> None:
    with pytest.raises(CheckpointMalformed) as failure:
        parse_checkpoint(GOOD.replace(old, new, 1))
    assert failure.value.where == f"ledger/checkpoint:{line}"


@pytest.mark.parametrize(
    "data", [b"", b"\n" * 9, GOOD[:-1], GOOD + b"\n", GOOD + b"x" * MAX_NOTE, b"a\n1\n" + ROOT_LINE]
)
def test_a_checkpoint_that_is_cut_or_too_long_is_refused(data: bytes) -> None:
    with pytest.raises(CheckpointMalformed):
        parse_checkpoint(data)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.integers(0, len(GOOD)), st.integers(0, 12), st.binary(max_size=12))
def test_whatever_parses_has_exactly_one_text(at: int, cut: int, put: bytes) -> None:
    data = GOOD[:at] + put + GOOD[at + cut :]
    try:
        again = parse_checkpoint(data).text.encode()
    except CheckpointMalformed:
        return
    assert again == data


@settings(derandomize=True, deadline=None)
@given(
    st.integers(0, 2**63 - 1),
    st.binary(min_size=32, max_size=32),
    st.lists(st.builds(Signature, name=st.sampled_from(["a", "b.example/ü"]), key_id=st.binary(min_size=4, max_size=4),
                       data=st.binary(min_size=1, max_size=90)), min_size=1, max_size=20),
)  # fmt: skip
def test_any_checkpoint_survives_being_written_and_read(size: int, root: bytes, lines: list[Signature]) -> None:
    checkpoint = Checkpoint(origin="a.example/log", size=Size(size), root=Hash(root), signatures=tuple(lines))
    assert parse_checkpoint(checkpoint.text.encode()) == checkpoint


def test_witnesses_lines_stand_beside_the_logs_and_each_is_verified() -> None:
    key, signed = cosign(SIGNED, name="witness.example", secret=b"\x09" * 32, seen=1_795_443_570)
    signed = parse_checkpoint(signed.text.encode())
    assert find_signature(signed, key=key) == signed.signatures[1]
    assert find_signature(signed, key=SIGNER.key) == signed.signatures[0]
    assert find_signature(SIGNED, key=key) is None
    later = replace(signed.signatures[1], data=b"\x00" * 8 + signed.signatures[1].data[8:])
    with pytest.raises(ProofMismatch):
        find_signature(replace(signed, signatures=(later,)), key=key)


def test_a_known_key_with_a_wrong_or_second_line_is_refused_and_unknown_ones_are_left_alone() -> None:
    line = SIGNED.signatures[0]
    stranger = Signature(name="stranger.example", key_id=b"abcd", data=b"anything")
    assert find_signature(replace(SIGNED, signatures=(stranger, line)), key=SIGNER.key) == line
    with pytest.raises(ProofMismatch):
        find_signature(replace(SIGNED, signatures=(line, line)), key=SIGNER.key)
    with pytest.raises(ProofMismatch):
        find_signature(replace(SIGNED, signatures=(replace(line, data=line.data[:-1]),)), key=SIGNER.key)
    with pytest.raises(ProofMismatch):
        find_signature(replace(SIGNED, root=EMPTY_ROOT), key=SIGNER.key)


def test_the_secret_is_not_printed() -> None:
    assert "\\x01" not in repr(SIGNER)
