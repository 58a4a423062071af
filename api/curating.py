"""What curators do, as one object for command line, HTTP and screens: the store live, decisions, publishing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from api.indexing import make_index
from kg_builder import MapStore, Projection, open_map_store, publish_build, published_projection, rollback_build
from kg_builder.curate import decide, history, in_force, review_queue
from kg_builder.model import Build, Decision, Digest, Term
from kg_builder.review import Pair, find_duplicates, find_orphans
from kg_builder.stores.base import BuildSummary, TermView
from strokemap.errors import BuildUnknown, NothingPublished
from strokemap.home import Home
from strokemap.progress import Progress, silent


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The curator's bench over one map store; each call opens the store and closes it again, but for ``at_once``."""

    home: Home
    store_url: str
    _opened: MapStore | None = None

    @contextmanager
    def at_once(self) -> Iterator[Bench]:
        """Give a bench whose calls share one opening of the store. Errors: MapStoreUnreachable, MapStoreUnsupported."""
        with self.store() as store:
            yield replace(self, _opened=store)

    @contextmanager
    def store(self) -> Iterator[MapStore]:
        """Open the map store. Errors: MapStoreUnreachable, MapStoreUnsupported."""
        if self._opened is not None:
            yield self._opened
            return
        store = open_map_store(self.store_url)
        try:
            yield store
        finally:
            store.close()

    def published(self) -> Digest:
        """Give the digest that the read side stands on. Errors: NothingPublished."""
        digest = self.home.current("map")
        if digest is None:
            raise NothingPublished("No map is published yet.", hint="Run: strokemap crawl … --publish.")
        return Digest(digest)

    def builds(self) -> tuple[BuildSummary, ...]:
        """List the builds, newest first."""
        with self.store() as store:
            return store.builds()

    def read(self, prefix: str | None) -> Build:
        """Give a build by the beginning of its digest, or the published one."""
        with self.store() as store:
            return store.read(self.published() if prefix is None else resolve(store, prefix))

    def term(self, title: str) -> TermView:
        """Look a term of the published build up, live."""
        with self.store() as store:
            return store.term(self.published(), title)

    def path(self, start: str, end: str) -> tuple[Digest, tuple[str, ...]]:
        """Give the published build and the titles along a shortest path in it, live; none if not connected."""
        digest = self.published()
        with self.store() as store:
            return digest, store.path(digest, start, end)

    def decide(self, *, action: str, term: str, value: str, why: str, who: str, now: datetime) -> Decision:
        """Record a decision."""
        with self.store() as store:
            return decide(store, action=action, term=term, value=value, why=why, who=who, now=now)

    def decisions(self, title: str = "") -> tuple[Decision, ...]:
        """Give all decisions, oldest first, or those about one term under any of its titles."""
        with self.store() as store:
            decisions = store.decisions()
        return history(decisions, title) if title else decisions

    def orphans(self) -> tuple[str, ...]:
        """Give the terms of the published map that nothing joins to a starting term."""
        return find_orphans(published_projection(self.home))

    def duplicates(self, *, limit: int) -> tuple[Pair, ...]:
        """Give the terms of the published map that may be one and the same, without pairs that were both accepted."""
        accepted = {decision.term for decision in in_force(self.decisions()) if decision.action == "accept"}
        return find_duplicates(published_projection(self.home), settled=accepted, limit=limit)

    def queue(self, *, limit: int) -> tuple[Term, ...]:
        """Give the least certain terms of the published build."""
        with self.store() as store:
            return review_queue(store, self.published(), limit=limit)

    def publish(self, prefix: str, *, progress: Progress = silent) -> Projection:
        """Publish a build and make its text index."""
        with self.store() as store:
            projection = publish_build(store, resolve(store, prefix), home=self.home, progress=progress)
        make_index(self.home, progress=progress)
        return projection

    def rollback(self, topic: str, *, progress: Progress = silent) -> Projection:
        """Publish what was published before."""
        with self.store() as store:
            projection = rollback_build(store, topic, home=self.home, progress=progress)
        make_index(self.home, progress=progress)
        return projection


def resolve(store: MapStore, prefix: str) -> Digest:
    """Give the one build whose digest begins so. Errors: BuildUnknown."""
    found = [build.digest for build in store.builds() if prefix and build.digest.startswith(prefix)]
    if len(found) != 1:
        raise BuildUnknown(
            f"{'No build' if not found else 'More than one build'} has a digest that begins so.",
            hint="See: strokemap builds list.",
            where=prefix,
        )
    return found[0]
