"""A build as RDF and back: terms as SKOS concepts, evidence as statements, making and decisions as PROV activities.

All names lie under BASE, in a domain that is reserved and nobody's: they are names, not addresses.

    term/<title>              skos:Concept: prefLabel, altLabel, related, definition; each code as notation with the
                              datatype code/<system>, and as exactMatch where the system publishes names of its own
    evidence/<hash>           rdf:Statement: who links to whom, sm:section, sm:sentence
    build/<digest>            skos:ConceptScheme, prov:Entity: the topic
    build/<digest>/making     prov:Activity: the source used, by which software, when; informed by decisions in force
    decision/<number>         sm:Decision, prov:Activity: action, term, value, who, when, why
    ns#                       (sm:) what SKOS and PROV have no word for

Titles are percent-encoded UTF-8. ``shapes.ttl`` says in SHACL what holds of every export. Read back, it is the build
that it was made from, field by field; pages' texts are not in it, and the order of a topic's starting terms is lost.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rdflib import DCTERMS, PROV, RDF, RDFS, SKOS, Graph, Literal, Namespace, URIRef
from rdflib.exceptions import ParserError
from rdflib.term import Node

from kg_builder.decisions import in_force
from kg_builder.digest import digest_build
from kg_builder.model import Build, Decision, Digest, Evidence, Link, Made, Site, Term
from strokemap import __version__
from strokemap.errors import ImportMalformed, InputMissing
from strokemap.topic import Topic

BASE = "https://strokemap.invalid/"
SM = Namespace(f"{BASE}ns#")
_LANGUAGE = "en"
_PUBLISHED = {
    "mesh": "http://id.nlm.nih.gov/mesh/",
    "icd10": "http://purl.bioontology.org/ontology/ICD10/",
    "icd10cm": "http://purl.bioontology.org/ontology/ICD10CM/",
}
_CHUNK = 20_000
_SUFFIXES = {".ttl": "turtle", ".nt": "nt"}

Triple = tuple[URIRef, URIRef, Node]


def name(kind: str, key: str) -> URIRef:
    """Give the IRI of a term, build, decision …: BASE, the kind, the percent-encoded key."""
    return URIRef(f"{BASE}{kind}/{quote(key, safe='')}")


def serialise(build: Build, *, decisions: Sequence[Decision], format: str) -> Iterator[str]:
    """Give the text of an export; the same build and decisions give the same text. N-Triples come in pieces."""
    triples = _triples(build, in_force(decisions))
    if format == "ntriples":
        while chunk := list(islice(triples, _CHUNK)):
            yield "\n".join(sorted(_graph(chunk).serialize(format="nt").strip("\n").split("\n"))) + "\n"
        return
    graph = _graph(triples)
    if format == "turtle":
        yield graph.serialize()
        return
    document = _sorted(json.loads(graph.serialize(format="json-ld", auto_compact=True)))
    yield json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _sorted(value: object) -> object:
    """Sort JSON: rdflib lists nodes and values in the order of a set, which differs from run to run."""
    if isinstance(value, dict):
        return {key: _sorted(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted((_sorted(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    return value


def _graph(triples: Iterator[Triple] | Sequence[Triple]) -> Graph:
    graph = Graph(bind_namespaces="none")
    for prefix, namespace in (("sm", SM), ("skos", SKOS), ("prov", PROV), ("dcterms", DCTERMS), ("rdfs", RDFS)):
        graph.bind(prefix, namespace)
    for triple in triples:
        graph.add(triple)
    return graph


def _triples(build: Build, decisions: Sequence[Decision]) -> Iterator[Triple]:
    scheme = name("build", build.digest)
    yield from _build(build, scheme, decisions)
    for decision in decisions:
        yield from _decision(decision)
    for term in build.terms:
        yield from _term(term, scheme)
    for link in build.links:
        yield from _link(link)


def _build(build: Build, scheme: URIRef, decisions: Sequence[Decision]) -> Iterator[Triple]:
    making, source, software = scheme + "/making", scheme + "/source", name("software", f"strokemap-{__version__}")
    topic = build.topic
    yield from _each(scheme, RDF.type, SKOS.ConceptScheme, PROV.Entity)
    yield scheme, DCTERMS.identifier, Literal(build.digest)
    yield scheme, DCTERMS.title, Literal(topic.name)
    yield from _each(scheme, SM.startingTerm, *map(Literal, topic.starting_terms))
    yield scheme, SM.longestPath, Literal(topic.path_length)
    yield scheme, SM.judge, Literal(topic.judge)
    if topic.threshold is not None:
        yield scheme, SM.threshold, Literal(Decimal(str(topic.threshold)))
    yield scheme, PROV.wasGeneratedBy, making
    yield making, RDF.type, PROV.Activity
    yield making, PROV.used, source
    yield making, PROV.wasAssociatedWith, software
    yield making, PROV.endedAtTime, Literal(build.made.at)
    yield making, SM.judge, Literal(build.made.judge)
    yield making, SM.pages, Literal(build.made.pages)
    yield making, SM.requests, Literal(build.made.requests)
    yield making, SM.unread, Literal(build.made.unread)
    yield making, SM.passedOver, Literal(build.made.passed_over)
    yield from _each(making, SM.failed, *map(Literal, build.made.failed))
    yield from _each(making, PROV.wasInformedBy, *(name("decision", str(item.number)) for item in decisions))
    yield source, RDF.type, PROV.Entity
    yield source, DCTERMS.source, Literal(build.made.source)
    for predicate, text in ((SM.siteName, build.made.site.name), (SM.siteAddress, build.made.site.address)):
        yield from _each(source, predicate, *([Literal(text)] if text else []))
    yield software, RDF.type, PROV.SoftwareAgent
    yield software, RDFS.label, Literal(f"Strokemap {__version__}")


def _decision(decision: Decision) -> Iterator[Triple]:
    node, curator = name("decision", str(decision.number)), name("curator", decision.who)
    yield from _each(node, RDF.type, SM.Decision, PROV.Activity)
    yield node, SM.action, Literal(decision.action)
    yield node, SM["term"], Literal(decision.term)
    if decision.value:
        yield node, SM.value, Literal(decision.value)
    yield node, RDFS.comment, Literal(decision.why)
    yield node, PROV.endedAtTime, Literal(decision.at)
    yield node, PROV.wasAssociatedWith, curator
    yield curator, RDF.type, PROV.Agent
    yield curator, RDFS.label, Literal(decision.who)


def _term(term: Term, scheme: URIRef) -> Iterator[Triple]:
    node = name("term", term.title)
    yield node, RDF.type, SKOS.Concept
    yield node, SKOS.inScheme, scheme
    if not term.path_length:
        yield node, SKOS.topConceptOf, scheme
    yield node, SKOS.prefLabel, Literal(term.title, lang=_LANGUAGE)
    yield from _each(node, SKOS.altLabel, *(Literal(other, lang=_LANGUAGE) for other in term.other_names))
    if term.summary:
        yield node, SKOS.definition, Literal(term.summary, lang=_LANGUAGE)
    for system, code in term.codes:
        yield node, SKOS.notation, Literal(code, datatype=name("code", system))
        if system in _PUBLISHED:
            yield node, SKOS.exactMatch, URIRef(_PUBLISHED[system] + quote(code, safe=""))
    yield node, SM.pathLength, Literal(term.path_length)
    yield node, SM.relevance, Literal(Decimal(str(term.relevance)))
    if term.reasons:
        # In one literal, a line each: RDF keeps no order of several.
        yield node, SM.reasons, Literal("\n".join(term.reasons))
    yield node, SM.contentHash, Literal(term.content_hash)


def _link(link: Link) -> Iterator[Triple]:
    a, b = name("term", link.a), name("term", link.b)
    yield a, SKOS.related, b
    yield b, SKOS.related, a
    for evidence in link.evidence:
        said = "\n".join((evidence.source, evidence.target, evidence.section, evidence.sentence))
        node = name("evidence", hashlib.sha256(said.encode()).hexdigest()[:32])
        yield node, RDF.type, RDF.Statement
        yield node, RDF.subject, name("term", evidence.source)
        yield node, RDF.predicate, SKOS.related
        yield node, RDF.object, name("term", evidence.target)
        yield node, SM.section, Literal(evidence.section)
        yield node, SM.sentence, Literal(evidence.sentence, lang=_LANGUAGE)


def _each(subject: URIRef, predicate: URIRef, *objects: Node) -> Iterator[Triple]:
    return ((subject, predicate, item) for item in objects)


def read_rdf(path: Path) -> Build:
    """Read an export in Turtle or N-Triples, told by its suffix; it must give the digest that it names.

    Takes about 1 kB of memory a triple. Errors: InputMissing, ImportMalformed.
    """
    format = _SUFFIXES.get(path.suffix)
    if format is None:
        raise _malformed(path, f"has the suffix “{path.suffix}”, none of {', '.join(_SUFFIXES)}")
    try:
        with path.open("rb") as file:
            graph = Graph(bind_namespaces="none").parse(file, format=format)
    except OSError as error:
        raise InputMissing(
            f"The file can't be read: {error.strerror}.", hint="Give an export.", where=str(path)
        ) from None
    except (ParserError, SyntaxError, ValueError):
        raise _malformed(path, f"is not {format}, as its suffix says") from None
    try:
        build = _Reader(graph).build()
    except (LookupError, ValueError, TypeError, AttributeError):
        raise _malformed(path, "is no whole export of a build") from None
    if build.digest != digest_build(build.topic, build.terms, build.links):
        raise _malformed(path, "says something else than the build that it names: it was changed after the export")
    return build


def _malformed(path: Path, what: str) -> ImportMalformed:
    return ImportMalformed(
        f"The file {what}.", hint="Give what `strokemap export OUT --format turtle` wrote.", where=str(path)
    )


class _Reader:
    """The build in a graph. What is not there once, or not of its kind, raises LookupError, ValueError and the like."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def build(self) -> Build:
        (scheme,) = self._graph.subjects(RDF.type, SKOS.ConceptScheme)
        terms = sorted(map(self._term, self._graph.subjects(SKOS.inScheme, scheme)), key=lambda term: term.title)
        topic = Topic(
            name=self._text(scheme, DCTERMS.title),
            starting_terms=self._texts(scheme, SM.startingTerm),
            path_length=int(self._text(scheme, SM.longestPath)),
            judge=self._text(scheme, SM.judge),
            threshold=next((float(str(value)) for value in self._graph.objects(scheme, SM.threshold)), None),
        )
        return Build(
            digest=Digest(self._text(scheme, DCTERMS.identifier)),
            topic=topic,
            terms=tuple(terms),
            links=self._links(),
            made=self._made(self._one(scheme, PROV.wasGeneratedBy)),
        )

    def _made(self, making: Node) -> Made:
        source = self._one(making, PROV.used)
        name, address = (next(iter(self._texts(source, one)), "") for one in (SM.siteName, SM.siteAddress))
        return Made(
            source=self._text(source, DCTERMS.source),
            site=Site(name=name, address=address),
            judge=self._text(making, SM.judge),
            pages=int(self._text(making, SM.pages)),
            requests=int(self._text(making, SM.requests)),
            failed=self._texts(making, SM.failed),
            unread=int(self._text(making, SM.unread)),
            passed_over=int(next(iter(self._texts(making, SM.passedOver)), 0)),
            at=self._one(making, PROV.endedAtTime).toPython(),
        )

    def _term(self, node: Node) -> Term:
        notations = self._graph.objects(node, SKOS.notation)
        codes = {(str(code.datatype).removeprefix(f"{BASE}code/"), str(code)) for code in notations}  # type: ignore[attr-defined]
        return Term(
            title=self._text(node, SKOS.prefLabel),
            other_names=self._texts(node, SKOS.altLabel),
            path_length=int(self._text(node, SM.pathLength)),
            relevance=float(self._text(node, SM.relevance)),
            reasons=tuple(line for text in self._texts(node, SM.reasons) for line in text.split("\n")),
            codes=tuple(sorted(codes)),
            summary=next(iter(self._texts(node, SKOS.definition)), ""),
            content_hash=Digest(self._text(node, SM.contentHash)),
        )

    def _links(self) -> tuple[Link, ...]:
        found: dict[tuple[str, str], list[Evidence]] = defaultdict(list)
        for node in self._graph.subjects(RDF.type, RDF.Statement):
            source, target = (self._text(self._one(node, end), SKOS.prefLabel) for end in (RDF.subject, RDF.object))
            evidence = Evidence(
                source=source,
                target=target,
                section=self._text(node, SM.section),
                sentence=self._text(node, SM.sentence),
            )
            found[min(source, target), max(source, target)].append(evidence)
        return tuple(Link(a=a, b=b, evidence=tuple(sorted(found[a, b]))) for a, b in sorted(found))

    def _one(self, node: Node, predicate: Node) -> Any:
        values = list(self._graph.objects(node, predicate))
        if len(values) != 1:
            raise LookupError
        return values[0]

    def _text(self, node: Node, predicate: Node) -> str:
        return str(self._one(node, predicate))

    def _texts(self, node: Node, predicate: Node) -> tuple[str, ...]:
        return tuple(sorted(map(str, self._graph.objects(node, predicate))))
