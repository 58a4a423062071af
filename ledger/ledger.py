"""One home's ledger for the faces: log, vault and signing key together."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from ledger.entry import Entry, parse_leaf
from ledger.lines import NAME, mend, open_log
from ledger.log import Log, make_receipt, publish, record
from ledger.note import Checkpoint, Signer, check_name
from ledger.tiles import make_folder, unwritable
from ledger.tree import Hash, Index, Size
from ledger.vault import Vault
from ledger.verify import KEY_NAME, Receipt, Trust, Verified, check_key, read_checkpoint, verify_log
from strokemap.errors import LedgerUnwritable, UsageError
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
        """Sign a checkpoint over all entries so far, and note it in the vault, which remembers it for the next time.

        A crash before it is noted does no harm: the log then has more than the vault knows of.
        """
        before = self.vault.checkpoint()
        checkpoint = publish(self.log, sign=self.signer, before=before)
        if before is None or before.size < checkpoint.size:
            self.vault.note_checkpoint(checkpoint)
        return checkpoint

    def receipt(self, index: int) -> Receipt:
        """Give the proof for an entry; ReceiptNotYet until it is published."""
        return make_receipt(Index(index), log=self.log)

    def open(self, index: int) -> bytes:
        """Give what was asked and answered, byte for byte; EntryErased once it was erased."""
        return self.vault.content(self._commitment(index), where=f"entry {index}")

    def erase(self, index: int, *, reason: str, now: datetime, random_bytes: Callable[[int], bytes]) -> Index:
        """Make an entry's content unreadable for good; gives the index of the entry that says so.

        The vault goes first here, too: what the log says was erased, is erased. After a crash in between, erase again.
        The reason is kept in the vault, for people write names into reasons; the log shows only which entry it was.
        """
        if not reason.strip():
            raise UsageError("An erasure can't be undone, and needs a reason.", hint="Say why.", where="reason")
        commitment = self._commitment(index)
        # Whole before anything is destroyed: a reason that can't be written down must not cost the content.
        by = Entry(
            kind="erasure",
            institution="strokemap",
            role="operator",
            actor="",
            content=json.dumps({"erases": index, "reason": reason}, ensure_ascii=False).encode(),
            erases=Index(index),
        )
        self.vault.destroy(commitment, where=f"entry {index}")
        erasure = self.record(by, now=now, random_bytes=random_bytes)
        self.vault.note_erasure(commitment, entry=erasure)
        return erasure

    def _commitment(self, index: int) -> bytes:
        return parse_leaf(self.log.leaf(Index(index)), where=f"entry {index}").commitment

    def verify(self) -> Verified:
        """Check the whole log, see ``verify_log``, against what the vault knows to have been signed; signs nothing.

        What a killed writer left behind is cut off before.
        """
        with self.log.publishing():
            # A log that is missing must be reported, not made anew.
            if (self.log.folder / NAME).exists():
                with open_log(self.log.folder, patience=self.log.patience, exclusive=True) as handle:
                    mend(handle)
            return verify_log(self.log.folder, trust=self.trust, before=self.vault.checkpoint())

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
            make_folder(folder.parent)
            with self.log.publishing():
                # Locks and what killed writers left stay behind, and so do entries that no checkpoint covers yet.
                shutil.copytree(self.log.folder, beside, ignore=shutil.ignore_patterns("*.lock", ".*", NAME))
                with (self.log.folder / NAME).open("rb") as log, (beside / NAME).open("wb") as copy:
                    copy.writelines(islice(log, 1 + read_checkpoint(beside).size))
            verified = verify_log(beside, trust=self.trust)
            beside.rename(folder)
        except OSError as error:
            raise unwritable(error, where=str(folder)) from None
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return verified


def open_ledger(folder: Path, *, vault: Path, origin: str, ledger_key: bytes, vault_key: bytes) -> Ledger:
    """Open the ledger of a home, making it if it is not there; the public key is laid beside it as ``vkey``.

    A ledger begins with a checkpoint over no entries, so that a missing one is never taken for one that is still to
    come. Where the vault knows of one, the ledger is not new but gone, and stays so for ``verify`` to say.
    Errors: LedgerKeyInvalid where the folder belongs to another key, VaultKeyWrong, LedgerUnwritable.
    """
    check_name(origin)
    signer = Signer(name=origin, secret=ledger_key)
    ledger = Ledger(log=Log(folder=folder), vault=Vault.open(vault, master=vault_key), signer=signer)
    try:
        if not (folder / KEY_NAME).exists():
            make_folder(folder)
            if ledger.vault.checkpoint() is None:
                ledger.publish()
            replace_file(folder / KEY_NAME, f"{signer.key.text}\n")
        check_key(folder, signer.key)
    except OSError as error:
        raise unwritable(error, where=f"ledger/{KEY_NAME}") from None
    return ledger
