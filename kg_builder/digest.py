"""What a map says, line by line, and the digest of it that names a build.

The digest covers topic, titles, other names, codes, path lengths, relevance, links, their evidence and the hash of
each page's text. Relevance is in it, at the four places that a term keeps, because two maps that weigh their terms
differently answer differently. Left out are the reasons (they explain the relevance), the summary (it is part of the
text), and how the build was made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence

from kg_builder.model import Digest, Link, Term
from strokemap.topic import Topic

DIGEST_FORMAT = "strokemap-build-1"


def digest_build(topic: Topic, terms: Sequence[Term], links: Sequence[Link]) -> Digest:
    """Name what a map says; the order of terms, links, evidence and starting terms makes no difference."""
    sha = hashlib.sha256()
    for line in canonical(topic, terms, links):
        sha.update(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    return Digest(sha.hexdigest())


def canonical(topic: Topic, terms: Sequence[Term], links: Sequence[Link]) -> Iterator[list[object]]:
    """Give the topic's line, then each term's, then each link's, in the order of their titles."""
    threshold = None if topic.threshold is None else f"{topic.threshold:.6f}"
    yield [DIGEST_FORMAT, topic.name, sorted(topic.starting_terms), topic.path_length, topic.judge, threshold]
    for term in sorted(terms, key=lambda term: term.title):
        names, codes = sorted(term.other_names), sorted(term.codes)
        yield ["term", term.title, names, codes, term.path_length, f"{term.relevance:.4f}", term.content_hash]
    for link in sorted(links, key=lambda link: (link.a, link.b)):
        evidence = [(one.source, one.target, one.section, one.sentence) for one in sorted(set(link.evidence))]
        yield ["link", link.a, link.b, evidence]
