"""How the nouns of the map lie in rows: tuples and names as JSON, texts compressed. Each pair is exact both ways."""

from __future__ import annotations

import json
import zlib
from datetime import datetime

from kg_builder.model import Decision, Digest, Evidence, Link, Made, Section, Site, Term
from kg_builder.stores.base import BuildSummary
from strokemap.topic import Topic


def topic_to_json(topic: Topic) -> str:
    """Pack a topic."""
    return json.dumps([topic.name, topic.starting_terms, topic.path_length, topic.judge, topic.threshold])


def json_to_topic(text: str) -> Topic:
    """Unpack a topic."""
    name, starting_terms, path_length, judge, threshold = json.loads(text)
    return Topic(
        name=name, starting_terms=tuple(starting_terms), path_length=path_length, judge=judge, threshold=threshold
    )


def made_to_json(made: Made) -> str:
    """Pack how a build was made."""
    fields = [made.source, made.judge, made.pages, made.requests, made.failed, made.unread, made.at.isoformat()]
    return json.dumps([*fields, made.site.name, made.site.address])


def json_to_made(text: str) -> Made:
    """Unpack how a build was made."""
    source, judge, pages, requests, failed, unread, at, site, address = json.loads(text)
    return Made(
        source=source,
        site=Site(name=site, address=address),
        judge=judge,
        pages=pages,
        requests=requests,
        failed=tuple(failed),
        unread=unread,
        at=datetime.fromisoformat(at),
    )


def row_to_summary(row: tuple[str, str, int, int, str], *, published: bool) -> BuildSummary:
    """Give the line of the list of builds."""
    digest, topic, terms, links, made = row
    return BuildSummary(
        digest=Digest(digest),
        topic=topic,
        terms=terms,
        links=links,
        made=json_to_made(made),
        published=published,
    )


def term_to_row(term: Term) -> tuple[str | int | float, ...]:
    """Give a term as the columns after build and id."""
    names, reasons, codes = (json.dumps(field) for field in (term.other_names, term.reasons, term.codes))
    return term.title, names, term.path_length, term.relevance, reasons, codes, term.summary, term.content_hash


def row_to_term(row: tuple[str, str, int, float, str, str, str, str]) -> Term:
    """Give the term of such columns."""
    title, names, path_length, relevance, reasons, codes, summary, content_hash = row
    return Term(
        title=title,
        other_names=tuple(json.loads(names)),
        path_length=path_length,
        relevance=relevance,
        reasons=tuple(json.loads(reasons)),
        codes=tuple((system, code) for system, code in json.loads(codes)),
        summary=summary,
        content_hash=Digest(content_hash),
    )


def evidence_to_json(evidence: tuple[Evidence, ...]) -> str:
    """Pack evidence, in its order."""
    return json.dumps([(one.source, one.target, one.section, one.sentence) for one in evidence], ensure_ascii=False)


def row_to_link(a: str, b: str, evidence: str) -> Link:
    """Give the link of two titles and packed evidence."""
    return Link(
        a=a,
        b=b,
        evidence=tuple(
            Evidence(source=source, target=target, section=section, sentence=sentence)
            for source, target, section, sentence in json.loads(evidence)
        ),
    )


def sections_to_blob(sections: tuple[Section, ...]) -> bytes:
    """Pack a page's text."""
    content = json.dumps([(section.heading, section.text) for section in sections], ensure_ascii=False)
    return zlib.compress(content.encode(), 3)


def blob_to_sections(blob: bytes) -> tuple[Section, ...]:
    """Unpack a page's text."""
    return tuple(Section(heading=heading, text=text) for heading, text in json.loads(zlib.decompress(blob)))


def row_to_decision(row: tuple[int | None, str, str, str, str, str, str]) -> Decision:
    """Give the decision of a row."""
    number, action, term, value, who, why, at = row
    return Decision(
        number=number or 0,
        action=action,
        term=term,
        value=value,
        who=who,
        why=why,
        at=datetime.fromisoformat(at),
    )
