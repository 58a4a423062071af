from __future__ import annotations

import csv
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from importlib.resources import files
from pathlib import Path

import networkx
import pandas
import pyshacl
import pytest
from rdflib import DCTERMS, PROV, RDF, RDFS, SH, SKOS, Graph, Literal, URIRef

from kg_builder.digest import digest_build
from kg_builder.export import FORMATS, RDF_FORMATS, export_build
from kg_builder.model import Build, Decision, Evidence, Link, Site
from kg_builder.rdf import BASE, SM, read_rdf
from strokemap.errors import ExportUnwritable, ImportMalformed, InputMissing, UsageError

HOSTILE = '=HYPERLINK("http://x") & <b>\u0301\n "Ünï\u2028code"\U0001f9e0/#?%41'
PARSER = {"turtle": "turtle", "jsonld": "json-ld", "ntriples": "nt"}


@pytest.fixture
def decisions(tiny_build: Build) -> tuple[Decision, ...]:
    at = tiny_build.made.at
    alias = Decision(number=1, action="alias", term="Stroke", value="Strokes", who="Dr Ito", why="used a lot", at=at)
    reject = Decision(number=2, action="reject", term="Physics", who="Dr Ito", why="not medicine", at=at)
    undo = Decision(number=3, action="undo", term="Physics", value="2", who="Dr Ito", why="mistake", at=at)
    return alias, reject, undo


@pytest.fixture
def hostile_build(tiny_build: Build) -> Build:
    """A build with a term and a sentence that are made to break out of every format."""
    first, *rest = tiny_build.terms
    said = Evidence(source=HOSTILE, target="Aphasia", section=HOSTILE, sentence=HOSTILE)
    terms = (replace(first, title=HOSTILE, other_names=(HOSTILE + "2",), summary=HOSTILE), first, *rest)
    return replace(tiny_build, terms=terms, links=(Link(a=HOSTILE, b="Aphasia", evidence=(said,)), *tiny_build.links))


def exported(build: Build, decisions: tuple[Decision, ...], format: str, folder: Path) -> Graph:
    out = folder / f"map.{format}"
    export_build(build, decisions=decisions, format=format, out=out)
    return Graph().parse(data=out.read_text(encoding="utf-8"), format=PARSER[format])


@pytest.fixture
def graph(tiny_build: Build, decisions: tuple[Decision, ...], tmp_path: Path) -> Graph:
    return exported(tiny_build, decisions, "turtle", tmp_path)


def iri(path: str) -> URIRef:
    return URIRef(BASE + path)


# --- RDF ------------------------------------------------------------------------------------------------------------


def test_a_term_is_a_concept_with_its_names_codes_and_definition(graph: Graph) -> None:
    concept = iri("term/Atrial%20fibrillation")
    assert set(graph.objects(concept, SKOS.prefLabel)) == {Literal("Atrial fibrillation", lang="en")}
    assert set(graph.objects(concept, SKOS.altLabel)) == {Literal("AF", lang="en"), Literal("A-fib", lang="en")}
    assert set(graph.objects(concept, SKOS.definition)) == {Literal("Atrial fibrillation is a thing.", lang="en")}
    assert set(graph.objects(concept, SKOS.notation)) == {
        Literal("I48", datatype=iri("code/icd10")),
        Literal("D001281", datatype=iri("code/mesh")),
    }
    assert URIRef("http://id.nlm.nih.gov/mesh/D001281") in set(graph.objects(concept, SKOS.exactMatch))
    assert len(set(graph.subjects(RDF.type, SKOS.Concept))) == 7


def test_links_are_related_both_ways_and_each_sentence_is_reachable(graph: Graph, tiny_build: Build) -> None:
    assert len(list(graph.triples((None, SKOS.related, None)))) == 2 * len(tiny_build.links)
    said = {
        (str(graph.value(node, RDF.subject)), str(graph.value(node, RDF.object)), str(graph.value(node, SM.sentence)))
        for node in graph.subjects(RDF.type, RDF.Statement)
    }
    wanted = {
        (iri("term/" + item.source.replace(" ", "%20")), iri("term/" + item.target.replace(" ", "%20")), item.sentence)
        for link in tiny_build.links
        for item in link.evidence
    }
    assert said == {(str(a), str(b), sentence) for a, b, sentence in wanted}


def test_the_build_says_from_what_when_and_by_what_it_was_made(graph: Graph, tiny_build: Build) -> None:
    build = iri(f"build/{tiny_build.digest}")
    making = graph.value(build, PROV.wasGeneratedBy)
    assert graph.value(making, PROV.endedAtTime).toPython() == tiny_build.made.at
    assert graph.value(graph.value(making, PROV.used), DCTERMS.source) == Literal("/data/pages.xml")
    assert "Strokemap" in graph.value(graph.value(making, PROV.wasAssociatedWith), RDFS.label)
    assert graph.value(making, SM.judge) == Literal("model")
    assert set(graph.subjects(SKOS.topConceptOf, build)) == {iri("term/Stroke")}


def test_decisions_in_force_tell_who_and_why_and_undone_ones_are_left_out(graph: Graph) -> None:
    (decision,) = graph.subjects(RDF.type, SM.Decision)
    assert decision == iri("decision/1")
    assert graph.value(decision, RDFS.comment) == Literal("used a lot")
    assert graph.value(graph.value(decision, PROV.wasAssociatedWith), RDFS.label) == Literal("Dr Ito")


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning:rdflib")
def test_the_three_rdf_formats_say_the_same(
    hostile_build: Build, decisions: tuple[Decision, ...], tmp_path: Path
) -> None:
    turtle, jsonld, ntriples = (set(exported(hostile_build, decisions, name, tmp_path)) for name in RDF_FORMATS)
    assert len(turtle) > 100
    assert turtle == jsonld == ntriples
    assert Literal(HOSTILE, lang="en") in {item for _, predicate, item in turtle if predicate == SKOS.prefLabel}


def violations(graph: Graph) -> int:
    """Hold a graph against the shipped shapes; how many it breaks."""
    shapes = Graph().parse(data=(files("kg_builder") / "shapes.ttl").read_text(encoding="utf-8"), format="turtle")
    _, report, _ = pyshacl.validate(graph, shacl_graph=shapes)
    return len(set(report.subjects(RDF.type, SH.ValidationResult)))


def test_an_export_keeps_to_the_shipped_shapes(graph: Graph) -> None:
    assert violations(graph) == 0


@pytest.mark.parametrize("predicate", [SKOS.prefLabel, SKOS.inScheme, SM.relevance, PROV.used, RDF.object, SM.action])
def test_the_shapes_notice_what_is_missing(graph: Graph, predicate: URIRef) -> None:
    graph.remove((None, predicate, None))
    assert violations(graph)


@pytest.fixture
def whole_build(hostile_build: Build) -> Build:
    """The hostile build under its real digest, with everything set that a build can say of itself."""
    made = replace(
        hostile_build.made,
        site=Site(name="A wiki", address="https://wiki.example/wiki/"),
        requests=7,
        failed=("Coma: no such page", "Palsy: not readable"),
        unread=3,
        passed_over=2,
        at=datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    )
    topic = replace(hostile_build.topic, threshold=0.35, starting_terms=("Brain attack", "Stroke"))
    terms = [replace(term, other_names=tuple(sorted(term.other_names))) for term in hostile_build.terms]
    terms[-1] = replace(terms[-1], reasons=("second", "first, and more"))
    digest = digest_build(topic, terms, hostile_build.links)
    return replace(hostile_build, digest=digest, topic=topic, terms=tuple(terms), made=made)


@pytest.mark.parametrize(("format", "suffix"), [("turtle", ".ttl"), ("ntriples", ".nt")])
def test_an_export_is_read_back_into_the_same_build(
    whole_build: Build, decisions: tuple[Decision, ...], tmp_path: Path, format: str, suffix: str
) -> None:
    out = tmp_path / f"map{suffix}"
    export_build(whole_build, decisions=decisions, format=format, out=out)
    assert read_rdf(out) == whole_build


def test_a_file_that_is_no_whole_export_is_refused(whole_build: Build, tmp_path: Path) -> None:
    out = tmp_path / "map.nt"
    export_build(whole_build, decisions=(), format="ntriples", out=out)
    lines = out.read_text(encoding="utf-8").splitlines(keepends=True)
    changed = [line.replace("Some people have aphasia.", "All people have aphasia.") for line in lines]
    cut = [line for line in lines if "prefLabel" not in line or "Zoster" not in line]
    assert changed != lines != cut
    for content in ("".join(changed), "".join(cut), "", "<a> <b>", "\x00", "".join(lines[:20])):
        out.write_text(content, encoding="utf-8")
        with pytest.raises(ImportMalformed) as caught:
            read_rdf(out)
        assert caught.value.hint
    with pytest.raises(ImportMalformed):
        read_rdf(tmp_path / "map.jsonld")
    with pytest.raises(InputMissing):
        read_rdf(tmp_path / "nowhere.nt")


# --- GraphML and CSV ------------------------------------------------------------------------------------------------


def test_networkx_opens_the_graphml(tiny_build: Build, tmp_path: Path) -> None:
    export_build(tiny_build, decisions=(), format="graphml", out=tmp_path / "map.graphml")
    graph = networkx.read_graphml(tmp_path / "map.graphml")
    assert not graph.is_directed()
    assert set(graph) == {term.title for term in tiny_build.terms}
    assert graph.number_of_edges() == len(tiny_build.links)
    assert graph.nodes["Stroke"] == {
        "other_names": "Brain attack | CVA | Strokes",
        "codes": "icd10:I63",
        "summary": "Stroke is a thing.",
        "path_length": 0,
        "relevance": 1.0,
    }
    edge = graph.edges["Aphasia", "Stroke"]
    assert (edge["mentions"], edge["page"], edge["section"]) == (3, "Aphasia", "")
    assert edge["sentence"] == "Aphasia is most often caused by stroke."
    assert edge["weight"] == pytest.approx(3.482892)


def test_graphml_carries_hostile_text_as_it_is_but_for_what_xml_forbids(hostile_build: Build, tmp_path: Path) -> None:
    first, *rest = hostile_build.terms
    build = replace(hostile_build, terms=(replace(first, summary="a\x00b\x0bc]]>"), *rest))
    export_build(build, decisions=(), format="graphml", out=tmp_path / "map.graphml")
    graph = networkx.read_graphml(tmp_path / "map.graphml")
    assert graph.nodes[HOSTILE]["summary"] == "abc]]>"
    assert graph.edges[HOSTILE, "Aphasia"]["sentence"] == HOSTILE


def test_pandas_opens_the_csv(tiny_build: Build, tmp_path: Path) -> None:
    export_build(tiny_build, decisions=(), format="csv", out=tmp_path / "map")
    terms, links = (
        pandas.read_csv(tmp_path / "map" / name, keep_default_na=False) for name in ("terms.csv", "links.csv")
    )
    assert list(terms["title"]) == [term.title for term in tiny_build.terms]
    assert list(terms["relevance"]) == [term.relevance for term in tiny_build.terms]
    assert set(links["a"]) | set(links["b"]) <= set(terms["title"])
    assert list(links["mentions"]) == [len(link.evidence) for link in tiny_build.links]


def test_no_cell_of_the_csv_begins_a_formula(hostile_build: Build, tmp_path: Path) -> None:
    first, *rest = hostile_build.terms
    names = [replace(first, title=start + "SUM(A1)", summary=start, other_names=()) for start in "=+-@\t\r\n"]
    export_build(replace(hostile_build, terms=(*names, first, *rest)), decisions=(), format="csv", out=tmp_path / "map")
    with (tmp_path / "map" / "terms.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["title"] for row in rows[:7]] == [f"'{start}SUM(A1)" for start in "=+-@\t\r\n"]
    assert rows[7]["title"] == "'" + HOSTILE
    assert not any(cell.startswith(tuple("=+-@\t\r\n")) for row in rows for cell in row.values())


# --- files ----------------------------------------------------------------------------------------------------------


def contents(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (out.iterdir() if out.is_dir() else [out])}


EXPORT_ALL = """
import pickle, sys
from pathlib import Path
from kg_builder.digest import digest_build
from kg_builder.export import FORMATS, export_build
build, decisions = pickle.loads(Path(sys.argv[1]).read_bytes())
for name in FORMATS:
    export_build(build, decisions=decisions, format=name, out=Path(sys.argv[2]) / name)
"""


def test_every_format_is_the_same_bytes_under_another_hash_seed(
    hostile_build: Build, decisions: tuple[Decision, ...], tmp_path: Path
) -> None:
    (tmp_path / "build.pickle").write_bytes(pickle.dumps((hostile_build, decisions)))
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
    command = [sys.executable, "-c", EXPORT_ALL, str(tmp_path / "build.pickle"), str(tmp_path / "there")]
    other_seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": other_seed})
    for name in FORMATS:
        export_build(hostile_build, decisions=decisions, format=name, out=tmp_path / "here" / name)
        assert contents(tmp_path / "here" / name) == contents(tmp_path / "there" / name)


@pytest.mark.parametrize("format", FORMATS)
def test_exporting_again_replaces_what_was_there(tiny_build: Build, tmp_path: Path, format: str) -> None:
    out = tmp_path / "map"
    export_build(tiny_build, decisions=(), format=format, out=out)
    before = contents(out)
    later = replace(tiny_build, terms=tiny_build.terms[:1], links=())
    export_build(later, decisions=(), format=format, out=out)
    assert contents(out) != before
    export_build(tiny_build, decisions=(), format=format, out=out)
    assert contents(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["map"]


@pytest.mark.parametrize("format", FORMATS)
def test_an_export_cut_off_leaves_what_was_there(tiny_build: Build, tmp_path: Path, format: str) -> None:
    class CutOff(tuple[Link, ...]):
        def __iter__(self) -> Iterator[Link]:
            yield tiny_build.links[0]
            raise KeyboardInterrupt

    out = tmp_path / "map"
    export_build(tiny_build, decisions=(), format=format, out=out)
    before = contents(out)
    with pytest.raises(KeyboardInterrupt):
        export_build(replace(tiny_build, links=CutOff()), decisions=(), format=format, out=out)
    assert contents(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["map"]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("place", ["missing/map", "file/map", "full", "/"])
def test_a_place_that_cannot_be_written_is_refused_and_left_alone(
    tiny_build: Build, tmp_path: Path, format: str, place: str
) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(ExportUnwritable) as caught:
        export_build(tiny_build, decisions=(), format=format, out=tmp_path / place)
    assert caught.value.hint
    assert {path.name for path in tmp_path.iterdir()} == {"file", "full"}
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.txt"]


def test_an_unknown_format_is_a_usage_error_that_names_the_known_ones(tiny_build: Build, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        export_build(tiny_build, decisions=(), format="xlsx", out=tmp_path / "map")
    assert "turtle" in caught.value.hint


def test_another_time_of_making_changes_the_time_alone(tiny_build: Build, tmp_path: Path) -> None:
    later = replace(tiny_build, made=replace(tiny_build.made, at=tiny_build.made.at + timedelta(days=1)))
    one, other = (set(exported(build, (), "turtle", tmp_path)) for build in (tiny_build, later))
    assert {predicate for _, predicate, _ in one ^ other} == {PROV.endedAtTime}
