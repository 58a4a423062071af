from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from kg_builder import assemble, crawl, open_source
from kg_builder.evaluate import (
    Labels,
    MapEvaluation,
    evaluate_map,
    format_map_table,
    map_document,
    read_labels,
)
from kg_builder.frontier import Frontier
from kg_builder.judge import open_judge
from kg_builder.model import Build
from kg_builder.sources.base import PageSource
from strokemap.errors import InputMissing, LabelsMalformed, StartingTermsMissing
from strokemap.progress import silent
from strokemap.topic import Topic, load_topic

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
TOPIC = Topic(name="knots", starting_terms=("Knot",), path_length=2, judge="everything")
WIKI = {
    "Knot": "A knot ties a [[rope]]. The [[reef knot]] and the [[bowline]] are knots. See [[Italy]].",
    "Rope": "A rope is of [[hemp]].",
    "Reef knot": "The reef knot joins two ropes like the [[granny knot]].",
    "Bowline": "The bowline makes a loop, as the [[sheet bend]] does. A [[Ships|ship]] needs it.",
    "Italy": "Italy is a country with the city of [[Rome]] and the [[clove hitch]].",
    "Hemp": "Hemp is a plant.",
    "Granny knot": "The granny knot slips.",
    "Sheet bend": "The sheet bend joins ropes. So does the [[carrick bend]].",
    "Carrick bend": "The carrick bend joins hawsers.",
    "Clove hitch": "The clove hitch ties a rope to a pole.",
    "Rome": "Rome is a city.",
    "Ship": "A ship sails.",
    "Ships": "#REDIRECT [[Ship]]",
}
KNOTS = {"Reef knot", "Bowline", "Granny knot", "Sheet bend", "Clove hitch"}
OTHERS = {"Rope", "Italy", "Hemp", "Rome", "Ship"}
LABELS = Labels(column="near", belongs={"Knot": True} | dict.fromkeys(KNOTS, True) | dict.fromkeys(OTHERS, False))


def _write_wiki(path: Path, pages: Mapping[str, str]) -> Path:
    body = "".join(
        f"<page><title>{escape(title)}</title><ns>0</ns><id>{number}</id><revision><id>{number}</id>"
        f"<model>wikitext</model><text>{escape(text)}</text></revision></page>"
        for number, (title, text) in enumerate(pages.items(), start=1)
    )
    head = '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="en">'
    path.write_text(f"{head}{body}</mediawiki>", encoding="utf-8")
    return path


@pytest.fixture
def wiki(tmp_path: Path) -> Iterator[PageSource]:
    path = _write_wiki(tmp_path / "wiki.xml", WIKI)
    with closing(open_source(str(path), work=tmp_path / "work", progress=silent)) as source:
        yield source


def _build(topic: Topic, source: PageSource, folder: Path) -> Build:
    with closing(Frontier.open(folder)) as frontier:
        crawled = crawl(
            topic,
            source=source,
            judge=open_judge(topic),
            frontier=frontier,
            max_pages=None,
            progress=silent,
            now=NOON,
        )
    return assemble(topic, crawled=crawled)[0]


@pytest.fixture
def whole_build(wiki: PageSource, tmp_path: Path) -> Build:
    return _build(TOPIC, wiki, tmp_path / "frontier")


@pytest.fixture
def found(whole_build: Build, wiki: PageSource) -> MapEvaluation:
    return evaluate_map(whole_build, topic=TOPIC, labels=LABELS, source=wiki, progress=silent)


def test_starting_terms_and_unlabelled_titles_are_left_out(found: MapEvaluation) -> None:
    assert found.scored == len(KNOTS) + len(OTHERS)
    assert found.terms == 11
    assert found.build.accepted == 10


def test_a_map_of_everything_equals_the_path_length_alone(found: MapEvaluation) -> None:
    assert found.build == found.path_length_only
    assert (found.build.precision, found.build.recall, found.build.f1) == (0.5, 1.0, pytest.approx(2 / 3, abs=1e-4))


def test_the_ceiling_follows_accepted_pages_only(found: MapEvaluation) -> None:
    # The clove hitch is linked from Italy alone, which a perfect judge does not follow.
    assert found.ceiling.precision == 1.0
    assert found.ceiling.recall == pytest.approx(4 / 5)


def test_the_vocabulary_rule_takes_titles_with_a_starting_term_in_them(found: MapEvaluation) -> None:
    assert found.vocabulary.accepted == 2
    assert (found.vocabulary.precision, found.vocabulary.recall) == (1.0, pytest.approx(2 / 5))


def test_rules_agree_with_real_crawls(wiki: PageSource, tmp_path: Path, found: MapEvaluation) -> None:
    topic = replace(TOPIC, judge="vocabulary")
    build = _build(topic, wiki, tmp_path / "vocabulary")
    assert evaluate_map(build, topic=topic, labels=LABELS, source=wiki, progress=silent).build == found.vocabulary


def test_the_builds_own_path_length_counts(wiki: PageSource, tmp_path: Path) -> None:
    topic = replace(TOPIC, path_length=1)
    build = _build(topic, wiki, tmp_path / "short")
    short = evaluate_map(build, topic=TOPIC, labels=LABELS, source=wiki, progress=silent)
    assert short.path_length_only.accepted == 4


def test_a_renamed_term_is_found_by_its_other_name(whole_build: Build, wiki: PageSource) -> None:
    terms = tuple(
        replace(term, title="Square knot", other_names=("Reef knot",)) if term.title == "Reef knot" else term
        for term in whole_build.terms
    )
    renamed = evaluate_map(replace(whole_build, terms=terms), topic=TOPIC, labels=LABELS, source=wiki, progress=silent)
    assert renamed.build.recall == 1.0


def test_intervals_hold_the_value_and_are_the_same_each_time(
    found: MapEvaluation, whole_build: Build, wiki: PageSource
) -> None:
    low, high = found.build.precision_interval
    assert low < found.build.precision < high
    assert evaluate_map(whole_build, topic=TOPIC, labels=LABELS, source=wiki, progress=silent) == found


def test_the_document_has_the_fields_that_others_read(found: MapEvaluation) -> None:
    document = json.loads(json.dumps(map_document(found)))
    assert {"precision", "recall", "f1", "ceiling", "path_length_only", "vocabulary", "terms"} <= set(document)
    assert document["ceiling"]["f1"] == found.ceiling.f1
    assert document["interval"]["f1"] == list(found.build.f1_interval)


def test_the_table_names_each_rule(found: MapEvaluation) -> None:
    lines = format_map_table(found).splitlines()
    assert [line[:18].strip() for line in lines[1:5]] == [
        "this map",
        "perfect judge",
        "path length alone",
        "vocabulary rule",
    ]


def test_labels_without_any_page_that_belongs_are_refused(whole_build: Build, wiki: PageSource) -> None:
    labels = Labels(column="near", belongs={"Knot": True, "Rope": False})
    with pytest.raises(LabelsMalformed):
        evaluate_map(whole_build, topic=TOPIC, labels=labels, source=wiki, progress=silent)


def test_a_topic_of_another_source_is_refused(whole_build: Build, wiki: PageSource) -> None:
    with pytest.raises(StartingTermsMissing):
        evaluate_map(
            whole_build,
            topic=replace(TOPIC, starting_terms=("Volcano",)),
            labels=LABELS,
            source=wiki,
            progress=silent,
        )


def test_labels_are_read_by_column_and_empty_ones_left_out(tmp_path: Path) -> None:
    path = tmp_path / "labels.tsv"
    path.write_text("title\tmedical\tnear\nRope\t1\t0\nKnot\t0\t1\nHemp\t1\t\n\nShort\t1\n", encoding="utf-8")
    assert read_labels(path, column="near").belongs == {"Rope": False, "Knot": True}
    assert read_labels(path, column="medical").belongs == {"Rope": True, "Knot": False, "Hemp": True, "Short": True}


def test_a_title_may_hold_what_ends_a_line_in_unicode_only(tmp_path: Path) -> None:
    path = tmp_path / "labels.tsv"
    path.write_bytes("title\tnear\r\nRope\u2028ladder\t1\r\nKnot\x85s\t0\r\n".encode())
    assert read_labels(path, column="near").belongs == {"Rope\u2028ladder": True, "Knot\x85s": False}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("name\tnear\nRope\t1\n", 1),
        ("title\tfar\nRope\t1\n", 1),
        ("title\tnear\nRope\tyes\n", 2),
        ("title\tnear\nRope\t1\n\t0\n", 3),
        ("title\tnear\nRope\t1\nRope\t0\n", 3),
    ],
)
def test_a_malformed_table_is_named_by_file_and_line(tmp_path: Path, text: str, line: int) -> None:
    path = tmp_path / "labels.tsv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LabelsMalformed) as caught:
        read_labels(path, column="near")
    assert caught.value.where == f"{path}:{line}"


def test_missing_and_misencoded_labels_are_errors_of_their_own(tmp_path: Path) -> None:
    with pytest.raises(InputMissing):
        read_labels(tmp_path / "nothing.tsv", column="near")
    path = tmp_path / "latin.tsv"
    path.write_bytes(b"title\tnear\ncaf\xe9\t1\n")
    with pytest.raises(LabelsMalformed, match="UTF-8"):
        read_labels(path, column="near")


@pytest.mark.data
@pytest.mark.slow
def test_the_shipped_judge_beats_both_rules_on_real_pages(test_data: Path, tmp_path: Path) -> None:
    wiki_folder = test_data / "wiki"
    topic = load_topic(str(wiki_folder / "topic-eval.toml"))
    labels = read_labels(wiki_folder / "labels-dev.tsv", column="near")
    path = wiki_folder / "wiki-medical.xml.bz2"
    with closing(open_source(str(path), work=tmp_path / "work", progress=silent)) as source:
        build = _build(topic, source, tmp_path / "frontier")
        found = evaluate_map(build, topic=topic, labels=labels, source=source, progress=silent)
        medical = evaluate_map(
            build,
            topic=topic,
            labels=read_labels(wiki_folder / "labels-dev.tsv", column="medical"),
            source=source,
            progress=silent,
        )
    assert found.build.f1 >= 0.65
    assert found.build.f1_interval[0] > found.path_length_only.f1_interval[1]
    assert found.build.f1_interval[0] > found.vocabulary.f1_interval[1]
    assert medical.build.precision >= 0.9
