"""An export in RDF read back into the build that it was made from: all but the pages' texts, which it does not hold."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from rdflib import DCTERMS, PROV, RDF, SKOS, Graph
from rdflib.exceptions import ParserError
from rdflib.term import Node

from kg_builder.digest import digest_build
from kg_builder.model import Build, Digest, Evidence, Link, Made, Site, Term
from kg_builder.rdf import BASE, SM
from strokemap.errors import ImportMalformed, InputMissing
from strokemap.topic import Topic

_FORMATS = {".ttl": "turtle", ".turtle": "turtle", ".nt": "nt", ".ntriples": "nt"}


def read_rdf(path: Path) -> Build:
    """Read an export in Turtle or N-Triples, told by its suffix; it must give the digest that it names.

    Takes about 1 kB of memory a triple. Errors: InputMissing, ImportMalformed.
    """
    format = _FORMATS.get(path.suffix)
    if format is None:
        raise _malformed(path, f"has the suffix “{path.suffix}”, none of {', '.join(_FORMATS)}")
    try:
        with path.open("rb") as file:
            graph = Graph(bind_namespaces="none").parse(file, format=format)
    except OSError as error:
        raise InputMissing(
            f"The file can't be read: {error.strerror}.", hint="Give an export.", where=str(path)
        ) from None
    except (ParserError, SyntaxError, ValueError) as error:
        raise _malformed(path, f"is not {format}: {str(error).splitlines()[0][:200]}") from None
    try:
        build = _Reader(graph).build()
    except (LookupError, ValueError, TypeError, AttributeError) as error:
        raise _malformed(path, f"is no whole export of a build: {error}") from None
    if build.digest != digest_build(build.topic, build.terms, build.links):
        raise _malformed(path, "says something else than the build that it names: it was changed after the export")
    return build


def _malformed(path: Path, what: str) -> ImportMalformed:
    return ImportMalformed(
        f"The file {what}.", hint="Give what `strokemap export OUT --format turtle` wrote.", where=str(path)
    )


class _Reader:
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
            raise LookupError(f"{node} has {len(values)} values of {predicate}")
        return values[0]

    def _text(self, node: Node, predicate: Node) -> str:
        return str(self._one(node, predicate))

    def _texts(self, node: Node, predicate: Node) -> tuple[str, ...]:
        return tuple(sorted(map(str, self._graph.objects(node, predicate))))
