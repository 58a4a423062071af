"""The one tree of errors. A class fixes the code and whether a retry may help; the raise gives the rest.

    StrokemapError
    ├── UsageError              the caller asked for something that no state of the system could satisfy (exit 2)
    ├── HomeError …             the home folder, settings, keys
    ├── MapError …              crawling, judging, builds, the map store
    ├── SearchError …           queries, the library, the text index
    ├── HistoryError …          acquisition, the history store, profiles
    ├── RecommendError …        needs, rules, ranking
    ├── LedgerError …           log, vault, receipts, verification
    └── AccessError …           tokens, roles, relations

Every class is listed in ``docs/errors.md``; a test holds the two against each other.
"""

from __future__ import annotations

from typing import ClassVar

LONGEST_TEXT = 500
"""Characters of a message, a hint or a place."""


class StrokemapError(Exception):
    """Anything that Strokemap reports to a person. Never raised itself; its subclasses are.

    ``message`` is one plain sentence without any health data, ``hint`` says what to do next, ``where`` names the place
    (``file:line``, a field, a tile).
    """

    code: ClassVar[str] = "strokemap.error"
    retryable: ClassVar[bool] = False
    exit_status: ClassVar[int] = 1
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str, where: str | None = None) -> None:
        super().__init__(message)
        self.message = _shorten(message)
        self.hint = _shorten(hint)
        self.where = where and _shorten(where)

    def document(self) -> dict[str, object]:
        """Give the error as the JSON object that command line and HTTP share."""
        return {
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "retryable": self.retryable,
            "where": self.where,
        }


def _shorten(text: str) -> str:
    # A name that is repeated may be as long as the file that it came from.
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"


class UsageError(StrokemapError):
    """The command or request is malformed in itself: an unknown option, a number out of range."""

    code = "strokemap.usage"
    exit_status = 2
    http_status = 422


class AddressUnknown(StrokemapError):
    """There is nothing at this address, or it is not for this method (405)."""

    code = "strokemap.http"
    http_status = 404


# --- home, settings, keys ------------------------------------------------------------------------------------------


class SettingsInvalid(UsageError):
    """A settings file or a ``STROKEMAP_*`` variable has an unknown key or an impossible value."""

    code = "home.settings.invalid"


class FormatUnknown(StrokemapError):
    """An artefact was written by another version, or is not ours."""

    code = "home.format.unknown"


class HomeUnwritable(StrokemapError):
    """The home or keys folder, or a file that a result goes to, can't be made, read or written."""

    code = "home.folder.unwritable"


class HomeBusy(StrokemapError):
    """Another process holds the lock that this work needs."""

    code = "home.lock.busy"
    retryable = True
    http_status = 503


class KeyMalformed(StrokemapError):
    """A key file does not hold 32 bytes in base64."""

    code = "home.key.malformed"


class KeysSelfMade(StrokemapError):
    """`serve` found secrets that Strokemap made itself, on a home that is not a demonstration."""

    code = "home.keys.self_made"


class InputMissing(StrokemapError):
    """A file or folder that was named as input does not exist or can't be read."""

    code = "input.file.missing"
    http_status = 422


class InputMalformed(StrokemapError):
    """An input file can't be read as what it should be: truncated, wrong encoding, wrong format."""

    code = "input.file.malformed"
    http_status = 422


class InputTooLarge(StrokemapError):
    """An input is larger than the documented limit."""

    code = "input.too_large"
    http_status = 413


# --- kg_builder ----------------------------------------------------------------------------------------------------


class MapError(StrokemapError):
    """Root of what can go wrong with crawling, judging, builds and the map store."""

    code = "map.error"


class TopicInvalid(MapError):
    """A topic file lacks a field or has an impossible value, or the map to be measured is of another topic."""

    code = "map.topic.invalid"
    http_status = 422


class SourceUnsupported(MapError):
    """``--source`` names something that this version can't read pages from."""

    code = "map.source.unsupported"


class SourceContactMissing(MapError):
    """Reading a wiki's API needs the operator's contact, which the wiki sees with each request."""

    code = "map.source.contact_missing"
    exit_status = 2
    http_status = 422


class SourceUnreachable(MapError):
    """The wiki does not answer, is overloaded, or asks to come back later; what was read is kept."""

    code = "map.source.unreachable"
    retryable = True
    http_status = 503


class SourceRefused(MapError):
    """The wiki answers, but refuses: a wrong address, a login needed, a client that it does not let in."""

    code = "map.source.refused"
    http_status = 502


class SourceMalformed(MapError):
    """The page source is damaged or is not what it says it is."""

    code = "map.source.malformed"


class StartingTermsMissing(MapError):
    """The page source has none of the topic's starting terms."""

    code = "map.topic.no_starting_terms"


class MapStoreUnsupported(MapError):
    """The settings name a map store that this version can't open."""

    code = "map.store.unsupported"


class MapStoreUnreachable(MapError):
    """The map store does not answer or can't be opened."""

    code = "map.store.unreachable"
    retryable = True
    http_status = 503


class MapStoreRefused(MapError):
    """The map store does not know the user or password, or allows them too little."""

    code = "map.store.refused"
    http_status = 503


class MapStoreDatabaseUnknown(MapError):
    """The map store's server has no database of that name."""

    code = "map.store.database_unknown"
    http_status = 503


class MapStoreFailed(MapError):
    """The map store's server answered that it could not do it: its disk, its memory or its data need a look."""

    code = "map.store.failed"
    http_status = 503


class BuildUnknown(MapError):
    """No build of the store has that digest."""

    code = "map.build.unknown"
    http_status = 404


class NothingPublished(MapError):
    """There is no published build yet."""

    code = "map.build.none_published"
    http_status = 409


class ProjectionMissing(MapError):
    """The published build's projection is not on this machine."""

    code = "map.projection.missing"
    http_status = 503


class DecisionInvalid(MapError):
    """A curator's decision names an unknown term, is too long or contradicts itself."""

    code = "map.decision.invalid"
    http_status = 422


class MapTermUnknown(MapError):
    """The published map has no term of that name."""

    code = "map.term.unknown"
    http_status = 404


class ExportUnwritable(MapError):
    """An export can't be written to where it was asked for; nothing was left there."""

    code = "map.export.unwritable"


class ImportMalformed(MapError):
    """A file is no export of a build in RDF, or was changed after it was written."""

    code = "map.import.malformed"


class JudgeMalformed(MapError):
    """A judge's model file can't be used."""

    code = "map.judge.malformed"


class JudgeWorse(MapError):
    """A newly trained model judges worse than the one in force, which was kept."""

    code = "map.judge.worse"


class LabelsMalformed(MapError):
    """A table of labels lacks a column or has a value other than 1, 0 or empty."""

    code = "map.labels.malformed"


# --- search --------------------------------------------------------------------------------------------------------


class SearchError(StrokemapError):
    """Root of what can go wrong with a query, the library or the text index."""

    code = "search.error"


class QueryInvalid(SearchError):
    """A query is empty or too long."""

    code = "search.query.invalid"
    exit_status = 2
    http_status = 422


class TermUnknown(SearchError):
    """``--with`` or ``--without`` names a term that the map lacks."""

    code = "search.term.unknown"
    http_status = 422


class ListOutdated(SearchError):
    """A next page is asked of a list whose index has been replaced since its first page."""

    code = "search.list.outdated"
    http_status = 409


class IndexMissing(SearchError):
    """There is no text index for the published build and the library."""

    code = "search.index.missing"
    http_status = 503


class ArticleUnknown(SearchError):
    """No article has that id."""

    code = "search.article.unknown"
    http_status = 404


class ArticlesMalformed(SearchError):
    """Articles to import can't be read."""

    code = "search.articles.malformed"
    http_status = 422


class CorrectionInvalid(SearchError):
    """A curator's correction of an article names an unknown field or gives an impossible value."""

    code = "search.correction.invalid"
    exit_status = 2
    http_status = 422


class BenchMalformed(SearchError):
    """The corpus, queries or judgements of an evaluation can't be read, or are empty."""

    code = "search.bench.malformed"
    http_status = 422


# --- hive_queries --------------------------------------------------------------------------------------------------


class HistoryError(StrokemapError):
    """Root of what can go wrong with acquisition, the history store and profiles."""

    code = "history.error"


class InstitutionInvalid(HistoryError):
    """An institution's name has characters other than small letters, digits and underscore, or is unknown."""

    code = "history.institution.invalid"
    exit_status = 2
    http_status = 422


class PatientInvalid(HistoryError):
    """A patient is not written as ``<institution>-<own id>``."""

    code = "history.patient.invalid"
    exit_status = 2
    http_status = 422


class PatientUnknown(HistoryError):
    """No profile exists for that patient."""

    code = "history.patient.unknown"
    http_status = 404


class BatchMalformed(HistoryError):
    """An extract as a whole is not of the format named; nothing of it was taken."""

    code = "history.batch.malformed"
    http_status = 422


class MappingInvalid(HistoryError):
    """A mapping file is not TOML, or says what a mapping can't."""

    code = "history.mapping.invalid"
    http_status = 422


class HistoryStoreUnsupported(HistoryError):
    """The settings name a history store that this version can't open."""

    code = "history.store.unsupported"


class HistoryStoreUnreachable(HistoryError):
    """The history store does not answer or can't be opened."""

    code = "history.store.unreachable"
    retryable = True
    http_status = 503


class HistoryStoreDamaged(HistoryError):
    """Files of a batch can't be read; ``where`` names the institution and the batch."""

    code = "history.store.damaged"
    http_status = 503


class HistoryStoreRefused(HistoryError):
    """The history store is there and refuses the login or the database."""

    code = "history.store.refused"
    http_status = 503


class HistoryStatementRefused(HistoryError):
    """The history store's engine refuses a statement: no right, a missing table, a value it can't read."""

    code = "history.statement.refused"


class HistoryStatementSlow(HistoryError):
    """The history store's engine had no answer within the deadline of a statement."""

    code = "history.statement.slow"
    retryable = True
    http_status = 503


class QuestionInvalid(HistoryError):
    """A question is unknown, or a parameter is missing, unknown or of the wrong type."""

    code = "history.question.invalid"
    exit_status = 2
    http_status = 422


class DialectRefused(HistoryError):
    """A HiveQL text uses what does not mean the same on every engine."""

    code = "history.dialect.refused"


class ProfilesMissing(HistoryError):
    """No profiles were computed yet."""

    code = "history.profiles.missing"
    http_status = 503


# --- recommend -----------------------------------------------------------------------------------------------------


class RecommendError(StrokemapError):
    """Root of what can go wrong with recommending."""

    code = "recommend.error"


class RulesInvalid(RecommendError):
    """The file of safety rules, weights or codes can't be used."""

    code = "recommend.rules.invalid"


# --- ledger --------------------------------------------------------------------------------------------------------


class LedgerError(StrokemapError):
    """Root of what can go wrong with the ledger and the vault."""

    code = "ledger.error"


class LedgerBusy(LedgerError):
    """Another process is appending; try again."""

    code = "ledger.log.busy"
    retryable = True
    http_status = 503


class LedgerUnwritable(LedgerError):
    """The log, a tile or the vault can't be written: no room, no permission, a failing disk."""

    code = "ledger.log.unwritable"
    http_status = 503


class LogDamaged(LedgerError):
    """The log file lacks lines, or has one that is not as it was written."""

    code = "ledger.log.damaged"


class TileDamaged(LedgerError):
    """A tile is missing, has the wrong length, or lies where no tile belongs."""

    code = "ledger.tile.damaged"


class CheckpointMissing(LedgerError):
    """The checkpoint is gone, or the whole ledger."""

    code = "ledger.checkpoint.missing"
    http_status = 404


class CheckpointMalformed(LedgerError):
    """A checkpoint is not written exactly as the format has it."""

    code = "ledger.checkpoint.malformed"


class ProofMismatch(LedgerError):
    """A signature, an inclusion proof or a stored hash does not fit what was signed."""

    code = "ledger.proof.mismatch"
    http_status = 422


class QuorumMissing(LedgerError):
    """Fewer witnesses than required have signed a checkpoint."""

    code = "ledger.quorum.missing"
    retryable = True
    http_status = 503


class LedgerKeyInvalid(LedgerError):
    """A public key's text is malformed, or the ledger at hand belongs to another key or origin."""

    code = "ledger.key.invalid"
    http_status = 422


class ReceiptNotYet(LedgerError):
    """The entry is in the log, but no checkpoint covers it yet; try again after the next publication."""

    code = "ledger.receipt.not_yet"
    retryable = True
    http_status = 503


class ReceiptMalformed(LedgerError):
    """A receipt is not written exactly as the format has it."""

    code = "ledger.receipt.malformed"
    http_status = 422


class EntryInvalid(LedgerError):
    """An entry's kind, institution, role, actor or digest has characters that a public log must not carry."""

    code = "ledger.entry.invalid"
    http_status = 422


class EntryUnknown(LedgerError):
    """The log has no entry of that index."""

    code = "ledger.entry.unknown"
    http_status = 404


class EntryErased(LedgerError):
    """The content of an entry was erased for good; only the proof that it existed is left."""

    code = "ledger.entry.erased"
    http_status = 410


class VaultDamaged(LedgerError):
    """The vault can't be read, lacks a payload, or has one that is not what the log committed to."""

    code = "ledger.vault.damaged"


class VaultKeyWrong(LedgerError):
    """The vault was made with another master key."""

    code = "ledger.vault.key_wrong"


# --- api -----------------------------------------------------------------------------------------------------------


class AccessError(StrokemapError):
    """Root of what can go wrong with who may do what."""

    code = "access.error"
    http_status = 403


class TokenInvalid(AccessError):
    """A bearer token is missing, malformed, expired or signed by somebody else."""

    code = "access.token.invalid"
    http_status = 401


class AccessDenied(AccessError):
    """The role or relation of the caller does not allow this."""

    code = "access.denied"
    http_status = 403
