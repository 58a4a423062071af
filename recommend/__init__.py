"""From a patient's history to things worth reading: ranked, safe, and explained.

In:   a Profile (hive_queries) and a day; a Projection (kg_builder); a TextIndex (search); a Rulebook; Weights.
Out:  a Recommendation: articles with the parts of their score and the facts behind them; what was withheld, and why.
Pure: no clock, no network, no write. The ledger entry and the time taken are added by api/service.
"""
# recommend.py  the one function: start reading here
# stage.py      days since the stroke → stage
# codes.py      codes.tsv: which facts speak of which needs
# needs.py      facts and stage → weighted needs, each tied to its facts
# candidates.py needs spread over the map → articles from the text index
# match.py      how far an article is about a need
# rank.py       features × weights.toml (weights.py) → scores; a varied choice
# rules.py      rules.toml: what is withheld, last
# reasons.py    facts in plain words, paths through the map

from recommend.reasons import Reason
from recommend.recommend import Recommendation, Recommended, Withheld, recommend
from recommend.rules import Rulebook, load_rulebook
from recommend.weights import Weights, load_weights

__all__ = [
    "Reason",
    "Recommendation",
    "Recommended",
    "Rulebook",
    "Weights",
    "Withheld",
    "load_rulebook",
    "load_weights",
    "recommend",
]
