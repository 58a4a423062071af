"""What patients get first where the library and the map's pages lie in one index, as in the product.

    python -m benchmarks.patients DATA

Everyday queries on the health articles and on the demonstration's library, each with the sections of the medical
extract's map beside them. Judged are the library's articles alone. Prints, for search as clinicians and as patients get
it, nDCG@10 and R@10, the share of the first ten that is written for clinicians, and their mean reading grade.
"""

from __future__ import annotations

import argparse
import tempfile
from itertools import chain
from pathlib import Path
from statistics import mean

from benchmarks.retrieval import collections, publish_map
from kg_builder.projection import Projection
from search.answer import search
from search.article import LIBRARY, Article
from search.bench import open_bench
from search.evaluate import DEPTH, means, measure
from search.gate import load_gate
from search.index import TextIndex
from search.index_files import write_index
from search.library import Library, import_articles
from search.pages import page_articles
from search.query import AUDIENCES, Query
from strokemap.progress import silent

SETS = ("lay-dev", "ours", "ours-demonstration")
FIRST = 10


def measure_patients(files: tuple[Path, Path, Path], *, projection: Projection, work: Path) -> None:
    """Print a row for each audience on one collection."""
    library = Library.open(work / "library")
    import_articles(files[0], library=library)
    articles = chain(library.articles(), page_articles(projection))
    index = write_index(articles, folder=work / "index", progress=silent)
    with open_bench(*files, projection=projection, work=work, progress=silent) as bench:
        for audience in AUDIENCES:
            run = {id: _found(text, audience, projection=projection, index=index) for id, text in bench.queries.items()}
            first = [article for found in run.values() for article in found[:FIRST]]
            judged = {
                id: {article.id.removeprefix(LIBRARY): float(DEPTH - place) for place, article in enumerate(found)}
                for id, found in run.items()
            }
            figures = means(measure(bench.judgements, judged))
            share = mean(article.audience == "clinician" for article in first)
            grade = mean(article.reading_grade for article in first if article.reading_grade is not None)
            print(f"  {audience:10} nDCG@10 {figures['nDCG@10']:.4f}  R@10 {figures['R@10']:.4f}", end="  ")
            print(f"for clinicians {share:.1%}  grade {grade:.1f}")


def _found(text: str, audience: str, *, projection: Projection, index: TextIndex) -> list[Article]:
    query = Query(text=text, audience=audience, limit=DEPTH)
    answer = search(query, projection=projection, index=index, gate=load_gate())
    articles = index.articles_by_id([result.id for result in answer.results])
    return [articles[result.id] for result in answer.results]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    with tempfile.TemporaryDirectory() as folder:
        projection = publish_map(Path(folder), data, topic=data / "wiki" / "topic-eval.toml")
        for name in SETS:
            print(name)
            measure_patients(collections(data)[name], projection=projection, work=Path(folder) / name)


if __name__ == "__main__":
    main()
