"""The documented weights of the ranking, read from ``weights.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.resources import files

from search.article import STAGES, Article
from strokemap.errors import RulesInvalid
from strokemap.text import name_key

FORMAT = "strokemap-weights-1"
FEATURES = ("about", "text", "map", "also", "stage", "kind", "audience", "reading", "freshness")
_EVERY_STAGE = "every stage"
_HINT = "Compare it with the shipped weights.toml."


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The numbers of ``[limits]``; the file says what each one means."""

    per_need: float
    strong: float
    least: float
    alike: float
    found: float
    spread: float
    easy_grade: float
    hard_grade: float
    fresh_years: float
    stale_years: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Weights of the features, which add up to 1; the values of kinds of articles and of words in titles; limits."""

    features: Mapping[str, float]
    kinds: Mapping[str, Mapping[str, float]]
    titles: Mapping[str, float]
    limits: Limits

    def of_kind(self, article: Article, *, stage: str) -> float:
        """Give the value of an article's kind in a stage, or less where its title says that it deserves less."""
        every, title = self.kinds[_EVERY_STAGE], f" {name_key(f'{article.title} {article.section}')} "
        value = self.kinds.get(stage, {}).get(article.kind, every.get(article.kind, every[""]))
        return min([value, *(most for words, most in self.titles.items() if f" {name_key(words)} " in title)])


def load_weights() -> Weights:
    """Read the shipped weights. Errors: RulesInvalid."""
    return parse_weights(files("recommend").joinpath("weights.toml").read_text(encoding="utf-8"), where="weights.toml")


def parse_weights(text: str, *, where: str) -> Weights:
    """Read weights from TOML. Errors: RulesInvalid with the table."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RulesInvalid(f"The weights are not TOML: {error}.", hint=_HINT, where=where) from None
    if tables.get("format") != FORMAT or set(tables) != {"format", "features", "limits", "kinds", "titles"}:
        raise RulesInvalid(f"The weights are not of format {FORMAT}.", hint=_HINT, where=where)
    features = _numbers(tables["features"], where=f"{where}: features", names=FEATURES, most=1.0)
    if abs(sum(features.values()) - 1) > 1e-9:
        raise RulesInvalid("The weights of the features do not add up to 1.", hint=_HINT, where=f"{where}: features")
    limits = _numbers(tables["limits"], where=f"{where}: limits", names=[field.name for field in fields(Limits)])
    kinds = tables["kinds"]
    if not isinstance(kinds, dict) or not {_EVERY_STAGE} <= set(kinds) <= {_EVERY_STAGE, *STAGES}:
        raise RulesInvalid("A table of kinds is missing or unknown.", hint=_HINT, where=f"{where}: kinds")
    values = {stage: _numbers(table, where=f"{where}: kinds.{stage}", most=1.0) for stage, table in kinds.items()}
    if "" not in values[_EVERY_STAGE]:
        raise RulesInvalid('The value of other kinds, "", is missing.', hint=_HINT, where=f"{where}: kinds")
    titles = _numbers(tables["titles"], where=f"{where}: titles", most=1.0)
    return Weights(features=features, kinds=values, titles=titles, limits=Limits(**limits))


def _numbers(
    table: object, *, where: str, names: tuple[str, ...] | list[str] = (), most: float = 1000.0
) -> dict[str, float]:
    if not isinstance(table, dict) or (names and set(table) != set(names)):
        raise RulesInvalid("A table of weights lacks a name or has one too many.", hint=_HINT, where=where)
    for name, value in table.items():
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= most:
            raise RulesInvalid(f"The value of “{name}” is not from 0 to {most:g}.", hint=_HINT, where=where)
    return {name: float(value) for name, value in table.items()}
