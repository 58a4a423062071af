"""What the judge is worth on real pages: ablation, both halves of the labels, blinded pages, other topics, decisions.

    STROKEMAP_TEST_DATA=… python -m benchmarks.judge

Writes docs/evidence/judge.json. The setting half of the labels, titles whose SHA-256 begins with an even byte, and the
topics of judge_topics.toml but for diabetes chose threshold and features; the other half and diabetes only measure.
"""

from __future__ import annotations

import hashlib
import os
import random
import sys
import tempfile
import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.soak import write
from kg_builder import open_source
from kg_builder.crawl import Crawled, crawl
from kg_builder.digest import content_hash
from kg_builder.evaluate import Labels, Measured, evaluate_map, read_labels
from kg_builder.frontier import Frontier
from kg_builder.judge.base import Context, Judge
from kg_builder.judge.decided import measure_decided
from kg_builder.judge.features import FEATURES
from kg_builder.judge.model import ModelJudge, shipped_model
from kg_builder.judge.rules import EverythingJudge, VocabularyJudge
from kg_builder.judge.train import train_judge
from kg_builder.model import Candidate, Decision, Judgement, Page, Site
from kg_builder.sources.base import Fetched, PageSource
from strokemap.progress import silent
from strokemap.topic import Topic, load_topic

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TITLE = ("proper_name",)
TEXT = ("opening_alike", "names_starting", "years_in_opening", *TITLE)
LINKS = ("links_alike", "company_alike", "near_in_links", "links_to_starting")
DECISIONS = 100
