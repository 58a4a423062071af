"""Safety rules that a clinician can read: looked at last, on recorded facts, and never overridden by a score."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from importlib.resources import files
from typing import Any, TypeVar

from hive_queries import Fact
from recommend.codes import Codes, FactPattern, load_codes, parse_pattern
from recommend.stage import Stage
from search.article import KINDS, STAGES, Article
from search.query import AUDIENCES
from strokemap.errors import RulesInvalid
from strokemap.text import name_key

FORMAT = "strokemap-rules-1"
_KNOWN = {
    "stage": STAGES,
    "stroke_type": ("ischaemic", "haemorrhagic", "unknown"),
    "kind": KINDS,
    "audience": AUDIENCES,
    "only_stage": STAGES,
}
_HINT = "See the head of the shipped rules.toml."


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What rules look at: the facts known on the day, and what follows from them directly."""

    facts: tuple[Fact, ...]
    needs: frozenset[str]
    """The own names of the needs that facts speak of, whatever the map holds."""
    stage: Stage
    stroke_type: str
    died: bool
    sex: str
    age: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """One situation in which a rule holds; everything given must be true. What is not known of age and sex is met."""

    always: bool = False
    died: bool = False
    stage: tuple[str, ...] = ()
    stroke_type: tuple[str, ...] = ()
    need: tuple[str, ...] = ()
    fact: tuple[FactPattern, ...] = ()
    age_from: int | None = None
    age_below: int | None = None
    sex: str = ""

    def holds(self, situation: Situation) -> bool:
        """Tell whether this is the situation."""
        age = situation.age
        return (
            (not self.died or situation.died)
            and (not self.stage or situation.stage.may_be(self.stage))
            and (not self.stroke_type or situation.stroke_type in self.stroke_type)
            and (not self.need or not situation.needs.isdisjoint(self.need))
            and (not self.fact or any(pattern.matches(fact) for pattern in self.fact for fact in situation.facts))
            and (self.age_from is None or age is None or age >= self.age_from)
            and (self.age_below is None or age is None or age < self.age_below)
            and (not self.sex or situation.sex not in ("F", "M") or situation.sex == self.sex)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Withhold:
    """One description of articles to withhold; everything given must be true."""

    everything: bool = False
    about: tuple[str, ...] = ()
    """As ``name_key`` writes them, like ``mentions``."""
    mentions: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    audience: tuple[str, ...] = ()
    only_stage: tuple[str, ...] = ()

    def covers(self, article: Article) -> bool:
        """Tell whether the article is one of these."""
        return (
            (not self.kind or article.kind in self.kind)
            and (not self.audience or article.audience in self.audience)
            and (not self.only_stage or (bool(article.stage) and set(article.stage) <= set(self.only_stage)))
            and (not self.about or _says(self.about, _subjects(article)))
            and (not self.mentions or _says(self.mentions, (*_subjects(article), article.text)))
        )


_Kind = TypeVar("_Kind", When, Withhold)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule as its file has it."""

    name: str
    why: str
    source: str
    when: tuple[When, ...]
    withhold: tuple[Withhold, ...]

    def covers(self, article: Article) -> bool:
        """Tell whether one of the rule's descriptions fits the article."""
        return any(withhold.covers(article) for withhold in self.withhold)

    @property
    def withholds_everything(self) -> bool:
        """Tell whether the rule leaves nothing to recommend."""
        return Withhold(everything=True) in self.withhold


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """All rules, in the file's order, and the table of codes that gives their needs a meaning."""

    rules: tuple[Rule, ...]
    codes: Codes

    def holding(self, situation: Situation) -> tuple[Rule, ...]:
        """Give the rules of which one of the situations is given."""
        return tuple(rule for rule in self.rules if any(when.holds(situation) for when in rule.when))


def first_against(article: Article, *, rules: Iterable[Rule]) -> Rule | None:
    """Give the first of the holding ``rules`` that withholds the article; None where it may be recommended."""
    return next((rule for rule in rules if rule.covers(article)), None)


def load_rulebook() -> Rulebook:
    """Read the shipped rules and codes. Errors: RulesInvalid with file and rule."""
    text = files("recommend").joinpath("rules.toml").read_text(encoding="utf-8")
    return parse_rulebook(text, codes=load_codes(), where="rules.toml")


def parse_rulebook(text: str, *, codes: Codes, where: str) -> Rulebook:
    """Read rules from TOML. Unknown words, empty conditions, doubled names: RulesInvalid with the rule."""
    try:
        document: Mapping[str, object] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RulesInvalid(f"The rules are not TOML: {error}.", hint="Correct the line.", where=where) from None
    tables = document.get("rule")
    sound = document.get("format") == FORMAT and set(document) == {"format", "rule"}
    if not sound or not isinstance(tables, list) or not tables:
        message = f"The file is not a list of rules of format {FORMAT}."
        hint = f'Begin with format = "{FORMAT}", then [[rule]] tables and nothing else.'
        raise RulesInvalid(message, hint=hint, where=where)
    rules: dict[str, Rule] = {}
    for number, table in enumerate(tables, 1):
        rule = _read_rule(table, number=number, where=where)
        if rule.name in rules:
            raise RulesInvalid("Two rules have one name.", hint="Rename one.", where=f"{where}: {rule.name}")
        # A rule about a need that no code leads to would never hold, and so protect nobody without anyone noticing.
        dead = sorted({need for when in rule.when for need in when.need} - codes.needs())
        if dead:
            message = f"The rule speaks of a need that no code leads to: {dead[0]}."
            hint = "Use the first name of a need in codes.tsv."
            raise RulesInvalid(message, hint=hint, where=f"{where}: {rule.name}")
        rules[rule.name] = rule
    return Rulebook(rules=tuple(rules.values()), codes=codes)


def _read_rule(table: object, *, number: int, where: str) -> Rule:
    if not isinstance(table, dict) or set(table) != {"name", "why", "source", "when", "withhold"}:
        message = "A rule has name, why, source, when and withhold."
        raise RulesInvalid(message, hint=_HINT, where=f"{where}: rule {number}")
    name = _text(table["name"], where=f"{where}: rule {number}: name")
    here = f"{where}: {name}"
    return Rule(
        name=name,
        why=_text(table["why"], where=f"{here}: why"),
        source=_text(table["source"], where=f"{here}: source"),
        when=_read_all(When, table["when"], where=f"{here}: when"),
        withhold=_read_all(Withhold, table["withhold"], where=f"{here}: withhold"),
    )


def _text(value: object, *, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise RulesInvalid("A text is missing.", hint=_HINT, where=where)
    return value.strip()


def _read_all(kind: type[_Kind], parts: object, *, where: str) -> tuple[_Kind, ...]:
    # An empty table would be met by everybody, or by every article: surely a slip, so it is refused.
    if not isinstance(parts, list) or not parts or not all(isinstance(part, dict) and part for part in parts):
        raise RulesInvalid("A list of conditions is missing or has an empty one.", hint=_HINT, where=where)
    known = {field.name for field in fields(kind)}
    for name in sorted({name for part in parts for name in part} - known):
        raise RulesInvalid(f"A condition is unknown: {name}.", hint=_HINT, where=where)
    return tuple(kind(**{name: _read(name, part[name], where=where) for name in part}) for part in parts)


def _read(name: str, value: object, *, where: str) -> Any:
    """Read what one condition of a rule asks for."""
    if name in ("always", "died", "everything"):
        if value is True:
            return value
    elif name in ("age_from", "age_below"):
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 130:
            return value
    elif name == "sex":
        if value in ("F", "M"):
            return value
    elif isinstance(value, list) and value and all(isinstance(text, str) and name_key(text) for text in value):
        if name == "fact":
            return tuple(parse_pattern(text, where=where) for text in value)
        if name in ("about", "mentions"):
            return tuple(map(name_key, value))
        if set(value) <= set(_KNOWN.get(name, value)):
            return tuple(value)
    known = f"Known: {', '.join(_KNOWN[name])}." if name in _KNOWN else _HINT
    raise RulesInvalid(f"The condition “{name}” can't be this.", hint=known, where=where)


def _subjects(article: Article) -> tuple[str, ...]:
    return (article.title, article.section, article.focus, *article.subjects, *article.synonyms)


def _says(phrases: Iterable[str], texts: Iterable[str]) -> bool:
    # Commas stand between the texts, so that no phrase is found across two of them.
    words = " , ".join(["", *map(name_key, texts), ""])
    return any(f" {phrase} " in words for phrase in phrases)
