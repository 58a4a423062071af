"""What a source left unsaid of an article, told from its own words: kind, stage, language, and the map's terms in it.

Only empty fields are filled, so that what a source or a curator says always stands. An empty audience means everyone,
an empty stage means any.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.vocab import Vocab

from kg_builder.projection import Projection
from search.article import Article
from search.linker import named_terms
from search.query import Words
from strokemap.text import word_spans, words

MOST_TERMS = 8
LEAD_CHARACTERS = 600
"""Terms are looked for in title, other names and this much of the text: later ones are seldom what it is about."""
_ENGLISH = 0.2
"""A text with a smaller share of English small words is in another language, or no text at all."""
_SMALL = frozenset(str.split("the of and to in a is that for it with as are on or be this by from can your you not if"))
_COMPONENT = "strokemap_terms"
_LABEL = "TERM"
_UNDERSTAND = "understand"
# The first kind with a word in the title or heading.
_KINDS = {
    "caregiver": "caregiver caregivers caregiving carer carers",
    "prevent": "prevent prevents prevention preventing preventive avoiding",
    "after-care": "living coping recovery recovering discharge outlook aftercare",
    "care": "treat treated treatment treatments therapy therapies manage managed management rehabilitation surgery",
    "do": "exercise exercises practise practice diet eating walking checklist tips",
}
_STAGES = {
    "at risk": "risk",
    "acute": "acute emergency thrombolysis thrombectomy",
    "early": "rehabilitation recovery recovering",
    "late": "rehabilitation recovery recovering",
    "life after": "living coping",
}


def describe(article: Article, *, projection: Projection) -> Article:
    """Give an article with its empty fields filled where its words tell; the same article and map, the same result."""
    headed = frozenset(words(f"{article.title} {article.section}"))
    kinds = (kind for kind, cues in _KINDS.items() if headed.intersection(cues.split()))
    return replace(
        article,
        kind=article.kind or next(kinds, _UNDERSTAND),
        stage=article.stage or tuple(stage for stage, cues in _STAGES.items() if headed.intersection(cues.split())),
        language=article.language or ("en" if _is_english(article.text) else ""),
        terms=article.terms or _terms(article, projection=projection),
    )


def _is_english(text: str) -> bool:
    found = words(text[: LEAD_CHARACTERS * 4])
    return sum(word in _SMALL for word in found) >= _ENGLISH * max(1, len(found))


def _terms(article: Article, *, projection: Projection) -> tuple[str, ...]:
    """Give the terms named, those of the title first, then those named most often, then in order of place."""
    title = ". ".join(filter(None, [article.title, article.section, article.focus]))
    text = f"{title}.\n{article.text[:LEAD_CHARACTERS]}"
    named = mark_terms(text, projection=projection).ents
    often = Counter(term.kb_id_ for term in named)
    in_title = {term.kb_id_ for term in named if term.end_char <= len(title)}
    return tuple(sorted(often, key=lambda term: (term not in in_title, -often[term])))[:MOST_TERMS]


def mark_terms(text: str, *, projection: Projection) -> Doc:
    """Give the text as a document, each term an entity with its title as ``kb_id_``. Tokens are cut as the linker does.

    The document has a vocabulary of its own, so that no word of a text outlives it.
    """
    cuts = [0, *(place for span in word_spans(text) for place in span), len(text)]
    pieces = [text[start:end] for start, end in pairwise(cuts) if start < end]
    doc = Doc(Vocab(), words=pieces, spaces=[False] * len(pieces))
    doc.user_data["projection"] = projection
    return _pipeline()(doc)


@lru_cache(maxsize=1)
def _pipeline() -> Language:
    Language.component(_COMPONENT, func=_set_entities)
    pipeline = spacy.blank("en")
    pipeline.add_pipe(_COMPONENT)
    return pipeline


def _set_entities(doc: Doc) -> Doc:
    words = Words(text=doc.text, words=(), quoted=(), excluded=())
    named = named_terms(words, projection=doc.user_data["projection"])
    spans = (doc.char_span(term.start, term.end, label=_LABEL, kb_id=term.term) for term in named)
    doc.ents = tuple(span for span in spans if span is not None)
    return doc
