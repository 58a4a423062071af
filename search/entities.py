"""The terms of a text as entities of a spaCy document: a pipeline with the linker as its one component."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.vocab import Vocab

from kg_builder.projection import Projection
from search.linker import named_terms
from search.query import Words
from strokemap.text import word_spans

_COMPONENT = "strokemap_terms"
_LABEL = "TERM"


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
