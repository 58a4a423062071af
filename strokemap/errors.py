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
        self.message = message
        self.hint = hint
        self.where = where

    def document(self) -> dict[str, object]:
        """Give the error as the JSON object that command line and HTTP share."""
        return {
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "retryable": self.retryable,
            "where": self.where,
        }


class UsageError(StrokemapError):
    """The command or request is malformed in itself: an unknown option, a number out of range."""

    code = "strokemap.usage"
    exit_status = 2
    http_status = 422


# --- home, settings, keys ------------------------------------------------------------------------------------------


class SettingsInvalid(UsageError):
    """A settings file or a ``STROKEMAP_*`` variable has an unknown key or an impossible value."""

    code = "home.settings.invalid"


class FormatUnknown(StrokemapError):
    """An artefact was written by a newer version, or is not ours."""

    code = "home.format.unknown"


class HomeUnwritable(StrokemapError):
    """The home or keys folder can't be made, read or written."""

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
    """A topic file lacks a field or has an impossible value."""

    code = "map.topic.invalid"
    http_status = 422


class SourceUnsupported(MapError):
    """``--source`` names something that this version can't read pages from."""

    code = "map.source.unsupported"
    exit_status = 2


class SourceMalformed(MapError):
    """The page source is damaged or is not what it says it is."""

    code = "map.source.malformed"


class StartingTermsMissing(MapError):
    """The page source has none of the topic's starting terms."""

    code = "map.topic.no_starting_terms"


class MapStoreUnsupported(MapError):
    """The settings name a map store that this version can't open."""

    code = "map.store.unsupported"
    exit_status = 2


class MapStoreUnreachable(MapError):
    """The map store does not answer or can't be opened."""

    code = "map.store.unreachable"
    retryable = True
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
    """A curator's decision names an unknown term or contradicts itself."""

    code = "map.decision.invalid"
    http_status = 422


class MapTermUnknown(MapError):
    """The published map has no term of that name."""

    code = "map.term.unknown"
    http_status = 404


class JudgeMalformed(MapError):
    """A judge's model file or training examples can't be used."""

    code = "map.judge.malformed"


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


class BenchMalformed(SearchError):
    """The corpus, queries or judgements of an evaluation can't be read."""

    code = "search.bench.malformed"


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


class HistoryStoreUnsupported(HistoryError):
    """The settings name a history store that this version can't open."""

    code = "history.store.unsupported"
    exit_status = 2


class HistoryStoreUnreachable(HistoryError):
    """The history store does not answer or can't be opened."""

    code = "history.store.unreachable"
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
