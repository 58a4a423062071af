"""A build as RDF: terms as SKOS concepts, evidence as statements, the making and the decisions as PROV activities.

All names lie under BASE, in a domain that is reserved and nobody's: they are names, not addresses.

    term/<title>              skos:Concept: prefLabel, altLabel, related, definition; each code as notation with the
                              datatype code/<system>, and as exactMatch where the system publishes names of its own
    evidence/<hash>           rdf:Statement: who links to whom, sm:section, sm:sentence
    build/<digest>            skos:ConceptScheme, prov:Entity: the topic
    build/<digest>/making     prov:Activity: the source used, by which software, when; informed by decisions in force
    decision/<number>         sm:Decision, prov:Activity: action, term, value, who, when, why
    ns#                       (sm:) what SKOS and PROV have no word for

Titles are percent-encoded UTF-8. ``shapes.ttl`` says in SHACL what holds of every export.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice
from urllib.parse import quote

from rdflib import DCTERMS, PROV, RDF, RDFS, SKOS, Graph, Literal, Namespace, URIRef
from rdflib.term import Node

from kg_builder.decisions import in_force
from kg_builder.model import Build, Decision, Evidence, Link, Term
from strokemap import __version__

BASE = "https://strokemap.invalid/"
SM = Namespace(f"{BASE}ns#")
_LANGUAGE = "en"
_PUBLISHED = {
    "mesh": "http://id.nlm.nih.gov/mesh/",
    "icd10": "http://purl.bioontology.org/ontology/ICD10/",
    "icd10cm": "http://purl.bioontology.org/ontology/ICD10CM/",
}
_CHUNK = 20_000

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
    yield _ordered(graph.serialize(format="json-ld", auto_compact=True)) if format == "jsonld" else graph.serialize()


def _ordered(jsonld: str) -> str:
    # rdflib lists nodes and values in the order of a set, which differs from run to run.
    return json.dumps(_sorted(json.loads(jsonld)), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _sorted(value: object) -> object:
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
        yield from _evidence(evidence)


def _evidence(evidence: Evidence) -> Iterator[Triple]:
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
