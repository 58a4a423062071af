"""One home's ledger for the faces: log, vault and signing key together."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from ledger.entry import Entry
from ledger.lines import HEADER, NAME, format_line, mend, open_log, read_lines
from ledger.log import Log, erase, make_receipt, open_entry, publish, record
from ledger.note import Checkpoint, Signer, check_name
from ledger.tiles import Tiles, expected_tiles, make_folder, unwritable
from ledger.tree import Hash, Index, Size
from ledger.vault import Vault
from ledger.verify import CHECKPOINT_NAME, KEY_NAME, Receipt, Trust, Verified, read_checkpoint, verify_log
from strokemap.errors import LedgerKeyInvalid, LedgerUnwritable
from strokemap.home import replace_file


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerStatus:
    """Where the ledger stands."""

    origin: str
    vkey: str
    size: Size
    """Entries that are durable."""
    published: Size
    """Entries that the checkpoint covers."""
    root: Hash | None
    """The root that was signed last; None before the first checkpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What the faces use. Any thread and process may; the errors are those of the functions behind."""

    log: Log
    vault: Vault
    signer: Signer

    @property
    def trust(self) -> Trust:
        """What a verifier of this ledger needs."""
        return Trust(log=self.signer.key)

    def record(self, entry: Entry, *, now: datetime, random_bytes: Callable[[int], bytes]) -> Index:
        """Keep the content encrypted and put the entry on the log; durable on return."""
        return record(entry, vault=self.vault, log=self.log, now=now, random_bytes=random_bytes)

    def publish(self) -> Checkpoint:
        """Sign a checkpoint over all entries so far."""
        return publish(self.log, sign=self.signer)

    def receipt(self, index: int) -> Receipt:
        """Give the proof for an entry; ReceiptNotYet until it is published."""
        return make_receipt(Index(index), log=self.log)

    def open(self, index: int) -> bytes:
        """Give an entry's content, byte for byte; EntryErased once it was erased."""
        return open_entry(Index(index), vault=self.vault, log=self.log)

    def erase(
        self,
        index: int,
        *,
        reason: str,
        now: datetime,
        random_bytes: Callable[[int], bytes],
        institution: str = "strokemap",
        role: str = "operator",
        actor: str = "",
    ) -> Index:
        """Make an entry's content unreadable for good; gives the index of the entry that says so.

        The reason is kept in the vault, for people write names into reasons; the log shows only who erased what.
        """
        by = Entry(
            kind="erasure",
            institution=institution,
            role=role,
            actor=actor,
            content=json.dumps({"erases": index, "reason": reason}, ensure_ascii=False).encode(),
            erases=Index(index),
        )
        return erase(Index(index), vault=self.vault, log=self.log, by=by, now=now, random_bytes=random_bytes)

    def verify(self) -> Verified:
        """Check the whole log, see ``verify_log``; what a killed writer left behind is cut off before."""
        with self.log.publishing():
            with open_log(self.log.folder, patience=self.log.patience, exclusive=True) as handle:
                mend(handle)
            return verify_log(self.log.folder, trust=self.trust)

    def status(self) -> LedgerStatus:
        """Tell where the ledger stands; nothing is verified."""
        checkpoint = self.log.checkpoint()
        return LedgerStatus(
            origin=self.signer.name,
            vkey=self.signer.key.text,
            size=self.log.size(),
            published=checkpoint.size if checkpoint else Size(0),
            root=checkpoint.root if checkpoint else None,
        )

    def export(self, folder: Path) -> Verified:
        """Copy the published log, verified, for anyone to keep: it holds no content. Written whole or not at all."""
        if folder.exists():
            raise LedgerUnwritable(
                "The export folder exists already.", hint="Name a folder that does not.", where=str(folder)
            )
        beside = folder.with_name(f".{folder.name}.partial")
        try:
            shutil.rmtree(beside, ignore_errors=True)
            make_folder(beside)
            with self.log.publishing():
                _copy(self.log.folder, beside)
            verified = verify_log(beside, trust=self.trust)
            beside.rename(folder)
        except OSError as error:
            raise unwritable(error, where=str(folder)) from None
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return verified


def _copy(source: Path, target: Path) -> None:
    checkpoint = read_checkpoint(source)
    for tile in expected_tiles(checkpoint.size):
        path = target / tile.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(Tiles(folder=source).read(tile))
    length = (source / NAME).stat().st_size
    with (source / NAME).open("rb") as log, (target / NAME).open("wb") as copy:
        copy.write(HEADER)
        for index, leaf in enumerate(islice(read_lines(log, length=length), checkpoint.size)):
            copy.write(format_line(leaf, index=index))
    for name in (KEY_NAME, CHECKPOINT_NAME):
        shutil.copyfile(source / name, target / name)


def open_ledger(
    folder: Path, *, vault: Path, origin: str, ledger_key: bytes, vault_key: bytes, patience: float = 5.0
) -> Ledger:
    """Open the ledger of a home, making it if it is not there; the public key is laid beside it as ``vkey``.

    Errors: LedgerKeyInvalid where the folder belongs to another key, VaultKeyWrong, LedgerUnwritable.
    """
    check_name(origin)
    signer = Signer(name=origin, secret=ledger_key)
    path, text = folder / KEY_NAME, f"{signer.key.text}\n"
    try:
        if not path.exists():
            make_folder(folder)
            replace_file(path, text)
        elif path.read_bytes() != text.encode():
            raise LedgerKeyInvalid(
                "The ledger's public key is not the one of this home's keys.",
                hint="Give the keys folder that belongs to this home (STROKEMAP_KEYS), or restore the file.",
                where=f"ledger/{KEY_NAME}",
            )
    except OSError as error:
        raise unwritable(error, where=f"ledger/{KEY_NAME}") from None
    return Ledger(
        log=Log(folder=folder, patience=patience),
        vault=Vault.open(vault, master=vault_key, patience=patience),
        signer=signer,
    )
