"""What the database must have before the map lies in it: numbered steps, each safe to run twice.

Neo4j does not let a step and the note that it was done commit together, so a step only adds what is not there yet.
"""

from __future__ import annotations

from typing import LiteralString

from kg_builder.stores.bolt import Neo4jServer
from strokemap.errors import FormatUnknown

SCHEMA_SECONDS = 60.0


def migrate(server: Neo4jServer, *, where: str) -> None:
    """Bring the database to the newest format; one that is new enough is only read. Errors: FormatUnknown."""
    found = server.ask("MATCH (s:Strokemap {id: 1}) RETURN s.format")
    format_ = int(found[0][0]) if found else 0
    if format_ > len(_STEPS):
        raise FormatUnknown(
            "This database was written by a newer version of Strokemap.",
            hint=f"This version knows formats up to {len(_STEPS)}: use a newer one, or another database.",
            where=where,
        )
    if not found and server.ask(_OTHERS)[0][0]:
        raise FormatUnknown(
            "This database has terms, topics, builds or decisions that are not of Strokemap.",
            hint="Give it an empty database, or one whose labels do not meet: see docs/how-to-neo4j.md.",
            where=where,
        )
    for number in range(format_ + 1, len(_STEPS) + 1):
        for statement in _STEPS[number - 1]:
            server.ask(statement, within=SCHEMA_SECONDS, change=True)
        server.ask(_DONE, number=number, change=True)


_OTHERS = """
    RETURN EXISTS { (:Term) } OR EXISTS { (:Topic) } OR EXISTS { (:Build) } OR EXISTS { (:Decision) }
        OR EXISTS { (:Text) } OR EXISTS { (:Unfinished) }
"""
# The smaller number never overwrites a larger one: another process may be ahead.
_DONE = """
    MERGE (s:Strokemap {id: 1}) ON CREATE SET s.format = 0, s.builds = 0, s.decisions = 0
    SET s.format = CASE WHEN s.format < $number THEN $number ELSE s.format END
"""
_STEP_1: tuple[LiteralString, ...] = (
    "CREATE CONSTRAINT strokemap_id IF NOT EXISTS FOR (s:Strokemap) REQUIRE s.id IS UNIQUE",
    "CREATE CONSTRAINT strokemap_term_id IF NOT EXISTS FOR (t:Term) REQUIRE (t.build, t.id) IS UNIQUE",
    "CREATE CONSTRAINT strokemap_term_title IF NOT EXISTS FOR (t:Term) REQUIRE (t.build, t.title) IS UNIQUE",
    "CREATE CONSTRAINT strokemap_text_id IF NOT EXISTS FOR (x:Text) REQUIRE (x.build, x.id) IS UNIQUE",
    "CREATE CONSTRAINT strokemap_build_digest IF NOT EXISTS FOR (b:Build) REQUIRE b.digest IS UNIQUE",
    "CREATE CONSTRAINT strokemap_build_number IF NOT EXISTS FOR (b:Build) REQUIRE b.number IS UNIQUE",
    "CREATE CONSTRAINT strokemap_unfinished IF NOT EXISTS FOR (u:Unfinished) REQUIRE u.digest IS UNIQUE",
    "CREATE CONSTRAINT strokemap_topic IF NOT EXISTS FOR (t:Topic) REQUIRE t.name IS UNIQUE",
    "CREATE CONSTRAINT strokemap_decision IF NOT EXISTS FOR (d:Decision) REQUIRE d.number IS UNIQUE",
    "CREATE FULLTEXT INDEX strokemap_names IF NOT EXISTS FOR (t:Term) ON EACH [t.title, t.other_names, t.summary]",
    "CALL db.awaitIndexes(50)",
)
_STEPS = (_STEP_1,)
