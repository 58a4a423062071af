"""Topics: what a map is about, as one TOML file each."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from strokemap.errors import TopicInvalid
from strokemap.reading import read_text

MAX_PATH_LENGTH = 6
_FIELDS = {"name", "title", "starting_terms", "path_length", "judge", "threshold"}
JUDGES = ("model", "vocabulary", "everything")


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """What a map is about.

    ``judge`` is ``model``, ``vocabulary`` (the paper's rule: the target is in the vocabulary) or ``everything``.
    """

    name: str
    starting_terms: tuple[str, ...]
    path_length: int
    judge: str = "model"
    threshold: float | None = None
    """Least score at which the model accepts, between 0 and 1; None takes the one that the model was shipped with."""


def load_topic(name_or_file: str) -> Topic:
    """Read a topic file, or the shipped topic of that name. Errors: InputMissing, TopicInvalid with file and field."""
    shipped = files("strokemap") / "topics" / f"{name_or_file}.toml"
    if "/" not in name_or_file and shipped.is_file():
        return parse_topic(shipped.read_text(encoding="utf-8"), where=f"{name_or_file}.toml")
    path = Path(name_or_file)
    wanted = f"a TOML file, or one of the shipped topics: {', '.join(shipped_topics())}"
    text = read_text(path, what="topic file", wanted=wanted, malformed=TopicInvalid)
    return parse_topic(text, where=str(path))


def shipped_topics() -> tuple[str, ...]:
    """Give the names of the topics that come with Strokemap."""
    folder = files("strokemap") / "topics"
    return tuple(sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml")))


def parse_topic(text: str, *, where: str) -> Topic:
    """Read a topic from TOML text; every problem is a TopicInvalid that names the field."""
    try:
        fields = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TopicInvalid(f"The topic file is not TOML: {error}.", hint="See docs/topics.md.", where=where) from None
    unknown = sorted(set(fields) - _FIELDS)
    if unknown:
        raise TopicInvalid(
            f"The topic file has an unknown field: {unknown[0]}.",
            hint=f"Known fields: {', '.join(sorted(_FIELDS))}.",
            where=f"{where}: {unknown[0]}",
        )
    name, terms = fields.get("name"), fields.get("starting_terms")
    if not isinstance(name, str) or not name:
        raise TopicInvalid("A topic needs a name.", hint='Add name = "…".', where=f"{where}: name")
    if not isinstance(terms, list) or not terms or not all(isinstance(term, str) and term.strip() for term in terms):
        raise TopicInvalid(
            "A topic needs starting terms.", hint='Add starting_terms = ["…"].', where=f"{where}: starting_terms"
        )
    path_length, threshold = fields.get("path_length", 2), fields.get("threshold")
    check_path_length(path_length, where=f"{where}: path_length")
    if threshold is not None and (not isinstance(threshold, float) or not 0 <= threshold <= 1):
        raise TopicInvalid("The threshold is not between 0 and 1.", hint="Give 0.5.", where=f"{where}: threshold")
    judge = fields.get("judge", "model")
    if judge not in JUDGES:
        raise TopicInvalid("No such judge.", hint=f"Give one of: {', '.join(JUDGES)}.", where=f"{where}: judge")
    return Topic(
        name=name, starting_terms=tuple(dict.fromkeys(terms)), path_length=path_length, judge=judge, threshold=threshold
    )


def check_path_length(value: object, *, where: str) -> None:
    """Raise TopicInvalid unless ``value`` is a whole number from 0 to MAX_PATH_LENGTH."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_PATH_LENGTH:
        raise TopicInvalid(
            f"The path length must be a whole number from 0 to {MAX_PATH_LENGTH}.",
            hint="2 is a good start: each step multiplies the pages to read.",
            where=where,
        )
