"""Safety rules that a clinician can read: looked at last, on recorded facts, and never overridden by a score."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files

from hive_queries import Fact
from recommend.codes import Codes, FactPattern, load_codes, named_stage, parse_pattern
from recommend.stage import Stage
from recommend.weights import load_weights
from search.article import KINDS, Article
from strokemap.errors import RulesInvalid
from strokemap.text import name_key

FORMAT = "strokemap-rules-1"
_STROKE_TYPES = ("ischaemic", "haemorrhagic", "unknown")
_AUDIENCES = ("patient", "clinician")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule as its file has it."""

    name: str
    why: str
    source: str
    when: tuple[When, ...]
    withhold: tuple[Withhold, ...]

    def holds(self, situation: Situation) -> bool:
        """Tell whether one of the rule's situations is given."""
        return any(when.holds(situation) for when in self.when)

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
        """Give the rules that hold in a situation."""
        return tuple(rule for rule in self.rules if rule.holds(situation))


def first_against(article: Article, *, rules: Iterable[Rule]) -> Rule | None:
    """Give the first of the holding ``rules`` that withholds the article; None where it may be recommended."""
    return next((rule for rule in rules if rule.covers(article)), None)


def load_rulebook() -> Rulebook:
    """Read the shipped rules and codes. Errors: RulesInvalid with file and rule."""
    text = files("recommend").joinpath("rules.toml").read_text(encoding="utf-8")
    return parse_rulebook(text, codes=load_codes(), where="rules.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesChecked:
    """How much was read and found sound."""

    rules: int
    codes: int
    features: int


def check_rules() -> RulesChecked:
    """Read the shipped rules, codes and weights as recommending does. Errors: RulesInvalid with file and rule."""
    rulebook, weights = load_rulebook(), load_weights()
    return RulesChecked(rules=len(rulebook.rules), codes=len(rulebook.codes.rows), features=len(weights.features))


def parse_rulebook(text: str, *, codes: Codes, where: str) -> Rulebook:
    """Read rules from TOML. Unknown words, empty conditions, doubled names: RulesInvalid with the rule."""
    try:
        fields: Mapping[str, object] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RulesInvalid(f"The rules are not TOML: {error}.", hint="Correct the line.", where=where) from None
    tables = fields.get("rule")
    if (
        fields.get("format") != FORMAT
        or set(fields) != {"format", "rule"}
        or not isinstance(tables, list)
        or not tables
    ):
        raise RulesInvalid(
            f"The file is not a list of rules of format {FORMAT}.",
            hint=f'Begin with format = "{FORMAT}", then [[rule]] tables and nothing else.',
            where=where,
        )
    rules: dict[str, Rule] = {}
    for number, table in enumerate(tables, 1):
        rule = _read_rule(table, where=f"{where}: rule {number}")
        if rule.name in rules:
            raise RulesInvalid("Two rules have one name.", hint="Rename one.", where=f"{where}: {rule.name}")
        _refuse_dead(rule, codes=codes, where=f"{where}: {rule.name}")
        rules[rule.name] = rule
    return Rulebook(rules=tuple(rules.values()), codes=codes)


def _refuse_dead(rule: Rule, *, codes: Codes, where: str) -> None:
    # A rule about a need that no code leads to would never hold, and so protect nobody without anyone noticing.
    dead = sorted({need for when in rule.when for need in when.need} - codes.needs())
    if dead:
        raise RulesInvalid(
            f"The rule speaks of a need that no code leads to: {dead[0]}.",
            hint="Use the first name of a need in codes.tsv.",
            where=where,
        )


def _read_rule(table: object, *, where: str) -> Rule:
    if not isinstance(table, dict) or set(table) != {"name", "why", "source", "when", "withhold"}:
        raise RulesInvalid("A rule has name, why, source, when and withhold.", hint=_HINT, where=where)
    name = _text(table["name"], where=f"{where}: name")
    where = f"{where.partition(':')[0]}: {name}"
    return Rule(
        name=name,
        why=_text(table["why"], where=f"{where}: why"),
        source=_text(table["source"], where=f"{where}: source"),
        when=tuple(_read_when(part, where=f"{where}: when") for part in _tables(table["when"], where=f"{where}: when")),
        withhold=tuple(
            _read_withhold(part, where=f"{where}: withhold")
            for part in _tables(table["withhold"], where=f"{where}: withhold")
        ),
    )


def _read_when(part: Mapping[str, object], *, where: str) -> When:
    _refuse_unknown(part, known=When.__dataclass_fields__, where=where)
    if part.get("sex", "F") not in ("F", "M"):
        raise RulesInvalid("Sex is neither F nor M.", hint=_HINT, where=where)
    return When(
        always=_yes(part, "always", where=where),
        died=_yes(part, "died", where=where),
        stage=tuple(named_stage(name, where=where) for name in _texts(part, "stage", where=where)),
        stroke_type=_texts(part, "stroke_type", where=where, known=_STROKE_TYPES),
        need=_texts(part, "need", where=where),
        fact=tuple(parse_pattern(text, where=where) for text in _texts(part, "fact", where=where)),
        age_from=_years(part, "age_from", where=where),
        age_below=_years(part, "age_below", where=where),
        sex=str(part.get("sex", "")),
    )


def _read_withhold(part: Mapping[str, object], *, where: str) -> Withhold:
    _refuse_unknown(part, known=Withhold.__dataclass_fields__, where=where)
    return Withhold(
        everything=_yes(part, "everything", where=where),
        about=tuple(map(name_key, _texts(part, "about", where=where))),
        mentions=tuple(map(name_key, _texts(part, "mentions", where=where))),
        kind=_texts(part, "kind", where=where, known=KINDS),
        audience=_texts(part, "audience", where=where, known=_AUDIENCES),
        only_stage=tuple(named_stage(name, where=where) for name in _texts(part, "only_stage", where=where)),
    )


def _refuse_unknown(part: Mapping[str, object], *, known: Iterable[str], where: str) -> None:
    unknown = sorted(set(part) - set(known))
    if unknown:
        raise RulesInvalid(f"A condition is unknown: {unknown[0]}.", hint=_HINT, where=where)


def _tables(value: object, *, where: str) -> list[dict[str, object]]:
    # An empty table would be met by everybody, or by every article: surely a slip, so it is refused.
    if not isinstance(value, list) or not value or not all(isinstance(part, dict) and part for part in value):
        raise RulesInvalid("A list of conditions is missing or has an empty one.", hint=_HINT, where=where)
    return value


def _text(value: object, *, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise RulesInvalid("A text is missing.", hint=_HINT, where=where)
    return value.strip()


def _texts(part: Mapping[str, object], key: str, *, where: str, known: tuple[str, ...] = ()) -> tuple[str, ...]:
    if key not in part:
        return ()
    value = part[key]
    if not isinstance(value, list) or not value or not all(isinstance(text, str) and name_key(text) for text in value):
        raise RulesInvalid(f"The condition “{key}” is not a list of words.", hint=_HINT, where=where)
    if known and not set(value) <= set(known):
        raise RulesInvalid(f"A value of “{key}” is unknown.", hint=f"Known: {', '.join(known)}.", where=where)
    return tuple(value)


def _yes(part: Mapping[str, object], key: str, *, where: str) -> bool:
    if part.get(key, True) is not True:
        raise RulesInvalid(f"The condition “{key}” can only be true.", hint="Leave it out instead.", where=where)
    return key in part


def _years(part: Mapping[str, object], key: str, *, where: str) -> int | None:
    value = part.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 130:
        raise RulesInvalid(f"The condition “{key}” is not an age in whole years.", hint=_HINT, where=where)
    return value


def _subjects(article: Article) -> tuple[str, ...]:
    return (article.title, article.section, article.focus, *article.subjects, *article.synonyms)


def _says(phrases: Iterable[str], texts: Iterable[str]) -> bool:
    # Commas stand between the texts, so that no phrase is found across two of them.
    words = " , ".join(["", *map(name_key, texts), ""])
    return any(f" {phrase} " in words for phrase in phrases)
