"""May this expansion help, or is it better to stay out? A small model in a file decides from three features.

coverage      share of the query's telling words that a term covers: a term in passing says little of what is asked, and
              its neighbours lead away from the rest; a third is too little, two fifths are enough
linked        number of terms, at most three: more than one name the same neighbourhood
specificity   mean over the linked terms: the neighbours of a term that is linked with everything are about anything

The coefficients were set by hand and are open to read; ``gate.json`` has them. On NFCorpus and on everyday phrases
all limits of the coverage from .35 to .42 measured alike. Terms added by hand always pass.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import resources

from search.expand import Expansion
from search.linker import Linked
from strokemap.model import LinearModel, parse_model
from strokemap.text import words

MOST_LINKED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The model that lets an expansion pass or keeps it out."""

    model: LinearModel


def load_gate() -> Gate:
    """Read the gate that ships with this version. Errors: FormatUnknown."""
    text = resources.files("search").joinpath("gate.json").read_text(encoding="utf-8")
    return Gate(model=parse_model(text, where="search/gate.json"))


def admit(expansion: Expansion, *, linked: Linked, gate: Gate) -> Expansion:
    """Give the expansion as it is, or only what was added by hand, with the reason."""
    if not linked.terms or not expansion.terms:
        return expansion
    covered = sum(len(words(term.surface)) for term in linked.terms)
    features = {
        "coverage": covered / (covered + len(linked.unlinked)),
        "linked": float(min(MOST_LINKED, len({term.term for term in linked.terms}))),
        "specificity": expansion.specificity,
    }
    if gate.model.score(features) >= gate.model.threshold:
        return expansion
    weakest = min(gate.model.contributions(features).items(), key=lambda item: (item[1], item[0]))[0]
    by_hand = tuple(term for term in expansion.terms if term.by_hand)
    kept_out = tuple(term.term for term in expansion.terms if not term.by_hand)
    return replace(expansion, terms=by_hand, why_none=_REASONS[weakest], kept_out=kept_out)


_REASONS = {
    "coverage": "The map covers too few of the words to know what is asked.",
    "linked": "One term alone does not say enough.",
    "specificity": "The terms found are linked with too much to lead anywhere.",
}
