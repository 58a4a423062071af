"""What a link's evidence amounts to: its weight, and the one sentence to show. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable

from kg_builder.model import Evidence, Link


def link_weight(link: Link) -> float:
    """Weigh a link: log2(1 + mentions), a mention in the lead counted twice; times 1.5 if both pages mention the other.

    One mention in the body weighs 1.
    """
    mentions = sum(1 if evidence.section else 2 for evidence in link.evidence)
    mutual = len({evidence.source for evidence in link.evidence}) > 1
    return round(math.log2(1 + mentions) * (1.5 if mutual else 1.0), 6)


def best_evidence(evidence: Iterable[Evidence]) -> Evidence:
    """Choose what to show: a sentence of the lead before others, the shortest first, no sentence at all last."""
    return min(
        evidence,
        key=lambda item: (not item.sentence, bool(item.section), len(item.sentence), item.sentence, item.section),
    )
