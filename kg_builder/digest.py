"""What a map says, line by line: the digest that names a build, and what differs between two.

The digest covers topic, titles, other names, codes, path lengths, relevance, links, their evidence and the hash of
each page's text. Relevance is in it, at the four places that a term keeps, because two maps that weigh their terms
differently answer differently. Left out are the reasons (they explain the relevance), the summary (it is part of the
text), and how the build was made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from kg_builder.model import Build, Digest, Link, Term
from strokemap.topic import Topic

_Key = TypeVar("_Key", str, tuple[str, str])
DIGEST_FORMAT = "strokemap-build-1"


def digest_build(topic: Topic, terms: Sequence[Term], links: Sequence[Link]) -> Digest:
    """Name what a map says; the order of terms, links, evidence and starting terms makes no difference."""
    sha = hashlib.sha256()
    for line in _canonical(topic, terms, links):
        sha.update(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    return Digest(sha.hexdigest())


def _canonical(topic: Topic, terms: Sequence[Term], links: Sequence[Link]) -> Iterator[list[object]]:
    threshold = None if topic.threshold is None else f"{topic.threshold:.6f}"
    yield [DIGEST_FORMAT, topic.name, sorted(topic.starting_terms), topic.path_length, topic.judge, threshold]
    for term in sorted(terms, key=lambda term: term.title):
        names, codes = sorted(term.other_names), sorted(term.codes)
        yield ["term", term.title, names, codes, term.path_length, f"{term.relevance:.4f}", term.content_hash]
    for link in sorted(links, key=lambda link: (link.a, link.b)):
        evidence = [(one.source, one.target, one.section, one.sentence) for one in sorted(set(link.evidence))]
        yield ["link", link.a, link.b, evidence]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildDiff:
    """What the second of two builds has that the first has not, and the other way round; all sorted."""

    topic_changed: bool
    terms_added: tuple[str, ...]
    terms_removed: tuple[str, ...]
    terms_changed: tuple[str, ...]
    """Terms of both whose names, codes, path length, relevance or text differ."""
    links_added: tuple[tuple[str, str], ...]
    links_removed: tuple[tuple[str, str], ...]
    links_changed: tuple[tuple[str, str], ...]
    """Links of both whose evidence differs."""

    @property
    def same(self) -> bool:
        """Whether both builds say the same."""
        return not any(getattr(self, name) for name in self.__dataclass_fields__)


def diff_builds(a: Build, b: Build) -> BuildDiff:
    """Compare two builds: what ``b`` adds to, takes from and changes in ``a``."""
    (old_topic, *old), (new_topic, *new) = (_canonical(build.topic, build.terms, build.links) for build in (a, b))
    old_terms, new_terms = ({str(line[1]): line for line in lines if line[0] == "term"} for lines in (old, new))
    old_links, new_links = (
        {(str(line[1]), str(line[2])): line for line in lines if line[0] == "link"} for lines in (old, new)
    )
    terms, links = _compare(old_terms, new_terms), _compare(old_links, new_links)
    return BuildDiff(
        topic_changed=old_topic != new_topic,
        terms_added=terms[0],
        terms_removed=terms[1],
        terms_changed=terms[2],
        links_added=links[0],
        links_removed=links[1],
        links_changed=links[2],
    )


def _compare(old: Mapping[_Key, object], new: Mapping[_Key, object]) -> list[tuple[_Key, ...]]:
    """Give what came, what went and what differs."""
    changed = {key for key in old.keys() & new if old[key] != new[key]}
    return [tuple(sorted(keys)) for keys in (new.keys() - old.keys(), old.keys() - new.keys(), changed)]
