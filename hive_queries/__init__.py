"""Patients' histories: from what institutions send to one profile a patient.

In:   extracts of institutions; questions by name.     Out: batches that count once; profiles, by pseudonym; answers.
The HiveQL lies in ``*.hql`` and means the same on every engine (``dialect``); engines stand behind ``HistoryStore``.
"""

from hive_queries.acquire import acquire
from hive_queries.engines import HistoryStore, open_history_store
from hive_queries.facts import Fact, Profile
from hive_queries.profiles import make_profiles, published_profiles
from hive_queries.pseudonyms import pseudonym
from hive_queries.questions import ask
from hive_queries.withdraw import withdraw

__all__ = [
    "Fact",
    "HistoryStore",
    "Profile",
    "acquire",
    "ask",
    "make_profiles",
    "open_history_store",
    "pseudonym",
    "published_profiles",
    "withdraw",
]
