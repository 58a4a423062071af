from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from kg_builder.projection import Projection
from search.bench import open_bench, read_judgements
from search.evaluate import RetrievalEvaluation, evaluate_retrieval, measure, randomisation_p
from search.gate import Gate
from strokemap.errors import BenchMalformed, HomeUnwritable, InputMissing
from strokemap.progress import silent

Write = Callable[..., Path]

CORPUS = (
    {"_id": "d1", "title": "Walking", "text": "Practise each day."},
    {"_id": "d2", "title": "A warning", "text": "A transient ischemic attack goes away by itself."},
    {"id": "d3", "title": "Bread", "text": "Bake it.", "synonyms": ["loaf"]},
)
QUERIES = ({"_id": "q1", "text": "ministroke"}, {"id": "q2", "text": "loaf"}, {"_id": "q3", "text": "not judged"})


@pytest.fixture
def bench(jsonl: Write, tmp_path: Path) -> tuple[Path, Path, Path]:
    """Three documents, two judged queries of three, and their judgements."""
    qrels = tmp_path / "qrels.tsv"
    qrels.write_text("query-id\tcorpus-id\tscore\nq1\td2\t1\nq2\td3\t2\n")
    return jsonl(*CORPUS, name="corpus.jsonl"), jsonl(*QUERIES, name="queries.jsonl"), qrels


def evaluate(
    files: tuple[Path, Path, Path],
    *,
    projection: Projection | None,
    gate: Gate,
    work: Path,
    runs: Path | None = None,
) -> RetrievalEvaluation:
    with open_bench(*files, projection=projection, work=work, progress=silent) as opened:
        return evaluate_retrieval(opened, projection=projection, gate=gate, progress=silent, runs=runs)


def test_expansion_is_measured_beside_the_words_alone(
    bench: tuple[Path, Path, Path], tiny_map: Projection, gate: Gate, tmp_path: Path
):
    found = evaluate(bench, projection=tiny_map, gate=gate, work=tmp_path / "work")
    assert (found.queries, found.linked, found.acted) == (2, 1, 1)
    assert found.change
    assert (found.change.helped, found.change.hurt, found.change.unchanged) == (1, 0, 1)
    assert found.baseline == {"nDCG@10": 0.5, "R@10": 0.5, "R@100": 0.5, "RR@10": 0.5}
    assert found.expanded == {"nDCG@10": 1.0, "R@10": 1.0, "R@100": 1.0, "RR@10": 1.0}
    assert found.change.p == 1.0
    assert list((tmp_path / "work").iterdir()) == []


def test_runs_and_gains_are_kept_in_the_format_of_trec(
    bench: tuple[Path, Path, Path], tiny_map: Projection, gate: Gate, tmp_path: Path
):
    evaluate(bench, projection=tiny_map, work=tmp_path / "work", gate=gate, runs=tmp_path / "runs")
    runs = {path.name: path.read_text().splitlines() for path in (tmp_path / "runs").iterdir()}
    assert runs == {
        "words.run": ["q2 Q0 d3 1 100 words"],
        "expanded.run": ["q1 Q0 d2 1 100 expanded", "q2 Q0 d3 1 100 expanded"],
        "gains.tsv": ["query\tgain", "q1\t1.000000", "q2\t0.000000"],
    }


def test_runs_that_cant_be_written_are_told(bench: tuple[Path, Path, Path], gate: Gate, tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeUnwritable):
        evaluate(bench, projection=None, work=tmp_path / "work", gate=gate, runs=tmp_path / "file" / "runs")


def test_without_a_map_only_the_words_are_measured(bench: tuple[Path, Path, Path], gate: Gate, tmp_path: Path):
    found = evaluate(bench, projection=None, gate=gate, work=tmp_path / "work")
    assert (found.linked, found.expanded, found.change) == (0, None, None)
    assert found.baseline["nDCG@10"] == 0.5


def test_gzipped_files_give_the_same(bench: tuple[Path, Path, Path], gate: Gate, tmp_path: Path):
    zipped = []
    for path in bench:
        zipped.append(path.with_name(f"{path.name}.gz"))
        zipped[-1].write_bytes(gzip.compress(path.read_bytes()))
    plain = evaluate(bench, projection=None, gate=gate, work=tmp_path / "work")
    corpus, queries, qrels = zipped
    assert evaluate((corpus, queries, qrels), projection=None, gate=gate, work=tmp_path / "work") == plain


@pytest.mark.parametrize("text", ["q1\td2\t1\n", "query-id\tcorpus-id\tscore\nq1\td2\t1\n", "q1 0 d2 1\n"])
def test_judgements_come_with_or_without_a_header(text: str, tmp_path: Path):
    (tmp_path / "qrels").write_text(text)
    assert read_judgements(tmp_path / "qrels") == {"q1": {"d2": 1}}


@pytest.mark.parametrize(
    ("place", "lines", "line"),
    [
        (0, b'{"_id": "d1", "text": "x"}\n{', 2),
        (0, b"[1]", 1),
        (0, b'{"text": "no id"}', 1),
        (0, b'{"_id": "d1", "text": 5}', 1),
        (0, b'{"_id": "d1", "text": "x", "synonyms": "y"}', 1),
        (0, b"\xff", 1),
        (0, b'{"_id": "d1", "text": "\\ud800"}', 1),
        (1, b'\n\n{"_id": "q1", "text": " "}', 3),
        (1, b'{"_id": "q1", "text": "' + b"a" * 10_001 + b'"}', 1),
        (2, b"q1\td1\t1\nq1\td1", 2),
        (2, b"q1\td1\t1\nq1\td1\tmuch", 2),
        (2, b"q1\td1\t1\n\xff\xff\t\xff\t1", 2),
    ],
)
def test_a_malformed_line_is_told_with_file_and_number(
    place: int, lines: bytes, line: int, bench: tuple[Path, Path, Path], gate: Gate, tmp_path: Path
):
    bench[place].write_bytes(lines)
    with pytest.raises(BenchMalformed) as caught:
        evaluate(bench, projection=None, gate=gate, work=tmp_path / "work")
    assert caught.value.where == f"{bench[place]}:{line}"


def test_empty_missing_and_unrelated_files_are_told(bench: tuple[Path, Path, Path], gate: Gate, tmp_path: Path):
    corpus, queries, qrels = bench
    for files, error in (
        ((tmp_path / "none", queries, qrels), InputMissing),
        ((corpus, tmp_path, qrels), InputMissing),
        ((corpus, queries, _write(tmp_path / "empty", "")), BenchMalformed),
        ((corpus, queries, _write(tmp_path / "other", "x\td1\t1\n")), BenchMalformed),
    ):
        with pytest.raises(error):
            evaluate(files, projection=None, gate=gate, work=tmp_path / "work")


def _write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_query_that_finds_nothing_counts_as_zero():
    found = measure({"q1": {"d": 1}, "q2": {"d": 1}}, {"q1": {"d": 1.0}, "q2": {}})
    assert found["q1"]["nDCG@10"] == 1.0
    assert set(found["q2"].values()) == {0.0}


def test_the_randomisation_test_tells_chance_from_a_shift():
    assert randomisation_p([]) == 1.0
    assert randomisation_p([0.1, -0.1] * 20) == 1.0
    assert randomisation_p([0.1] * 20) < 0.001
    # Two signs of four give a sum as large: all plus, all minus.
    assert randomisation_p([0.3, 0.1]) == pytest.approx(0.5, abs=0.02)


@pytest.mark.data
def test_nfcorpus_is_ranked_as_bm25_ranks_it(test_data: Path, gate: Gate, tmp_path: Path):
    folder = test_data / "retrieval" / "nfcorpus"
    files = (folder / "corpus.jsonl.gz", folder / "queries-dev.jsonl.gz", folder / "qrels-dev.tsv.gz")
    found = evaluate(files, projection=None, gate=gate, work=tmp_path / "work")
    assert found.queries == 324
    assert found.baseline["nDCG@10"] == pytest.approx(0.284, abs=0.01)
