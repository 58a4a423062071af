"""A build for other people's tools: RDF (SKOS and PROV), GraphML, CSV. Written whole or not at all, in a fixed order.

In CSV, a cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a line break gets an apostrophe in front, for a
spreadsheet would run it as a formula. RDF and GraphML carry every text as it is.
"""

from __future__ import annotations

import csv
import errno
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from types import MappingProxyType
from xml.etree.ElementTree import Element, SubElement, tostring

from kg_builder.model import Build, Decision, Term, best_evidence
from kg_builder.replacing import replacing
from strokemap.errors import ExportUnwritable, UsageError

RDF_FORMATS = ("turtle", "jsonld", "ntriples")
FORMATS = (*RDF_FORMATS, "graphml", "csv")
_CSV_FILES = {"terms.csv", "links.csv"}
_BETWEEN = " | "
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NODE_KEYS = {
    "other_names": "string",
    "codes": "string",
    "summary": "string",
    "path_length": "int",
    "relevance": "double",
}
_EDGE_KEYS = {"weight": "double", "mentions": "int", "sentence": "string", "section": "string", "page": "string"}


def export_build(build: Build, *, decisions: Sequence[Decision], format: str, out: Path) -> None:
    """Write a build to ``out``: one file, or for ``csv`` a folder of terms.csv and links.csv.

    What was there is replaced, a folder only if it is an earlier export. RDF also tells of the decisions, with who made
    them; ntriples needs no more memory for a large map than for a small one. Errors: UsageError, ExportUnwritable.
    """
    if format not in FORMATS:
        raise UsageError(f"There is no format “{format}”.", hint=f"Give one of: {', '.join(FORMATS)}.", where="format")
    out = Path(os.path.abspath(out))
    beside = out.parent / f".{out.name}.{os.getpid()}.{secrets.token_hex(4)}"
    try:
        if out.is_dir() and (format != "csv" or {path.name for path in out.iterdir()} - _CSV_FILES):
            raise FileExistsError(errno.EEXIST, "a folder that is no earlier export lies there")
        with replacing(out, beside=beside):
            if format == "csv":
                _write_csv(build, beside)
            elif format == "graphml":
                _write_graphml(build, beside)
            else:
                _write_rdf(build, beside, decisions=decisions, format=format)
    except OSError as error:
        raise ExportUnwritable(
            f"The export can't be written: {error.strerror or 'unknown reason'}.",
            hint="Name a place in an existing folder that you may write to.",
            where=str(out),
        ) from None


@contextmanager
def _new_file(path: Path) -> Iterator[TextIOWrapper]:
    with path.open("x", encoding="utf-8", newline="") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _write_rdf(build: Build, path: Path, *, decisions: Sequence[Decision], format: str) -> None:
    # Only RDF needs rdflib, which is slow to import.
    from kg_builder.rdf import serialise

    with _new_file(path) as file:
        for text in serialise(build, decisions=decisions, format=format):
            file.write(text)


def _write_csv(build: Build, path: Path) -> None:
    path.mkdir()
    terms = ({"title": term.title, **_term_fields(term)} for term in build.terms)
    _write_rows(path / "terms.csv", ("title", *_NODE_KEYS), terms)
    links = ({"a": a, "b": b, **fields} for a, b, fields in _link_rows(build))
    _write_rows(path / "links.csv", ("a", "b", *_EDGE_KEYS), links)


def _write_rows(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    with _new_file(path) as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows({column: _harmless(str(value)) for column, value in row.items()} for row in rows)


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else cell


def _term_fields(term: Term) -> dict[str, object]:
    return {
        "other_names": _BETWEEN.join(term.other_names),
        "codes": _BETWEEN.join(f"{system}:{code}" for system, code in term.codes),
        "summary": term.summary,
        "path_length": term.path_length,
        "relevance": term.relevance,
    }


def _link_rows(build: Build) -> Iterator[tuple[str, str, dict[str, object]]]:
    for link in build.links:
        best = best_evidence(link.evidence)
        shown = {"sentence": best.sentence, "section": best.section, "page": best.source}
        yield link.a, link.b, {"weight": link.weight, "mentions": len(link.evidence), **shown}


def _write_graphml(build: Build, path: Path) -> None:
    keys = [(kind, *one) for kind, keys in (("node", _NODE_KEYS), ("edge", _EDGE_KEYS)) for one in keys.items()]
    with _new_file(path) as file:
        file.write('<?xml version="1.0" encoding="utf-8"?>\n<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n')
        for kind, name, datatype in keys:
            file.write(_element("key", {"id": name, "for": kind, "attr.name": name, "attr.type": datatype}))
        file.write(f'<graph id="{build.digest}" edgedefault="undirected">\n')
        for term in build.terms:
            file.write(_element("node", {"id": term.title}, _term_fields(term)))
        for a, b, fields in _link_rows(build):
            file.write(_element("edge", {"source": a, "target": b}, fields))
        file.write("</graph>\n</graphml>\n")


def _element(tag: str, attributes: Mapping[str, str], data: Mapping[str, object] = MappingProxyType({})) -> str:
    element = Element(tag, {key: _NOT_XML.sub("", value) for key, value in attributes.items()})
    for key, value in data.items():
        SubElement(element, "data", key=key).text = _NOT_XML.sub("", str(value))
    return tostring(element, encoding="unicode") + "\n"
