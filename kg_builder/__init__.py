"""From pages to a published map of terms and links.

In:   a Topic (strokemap), pages of an export or a wiki, curators' decisions.     Out: builds in a map store, and the
published one as a Projection, which search and recommendations read.
"""

from kg_builder.build import assemble, publish_build, rollback_build
from kg_builder.crawl import crawl
from kg_builder.model import Build
from kg_builder.projection import Projection, published_projection
from kg_builder.sources import open_source
from kg_builder.stores import MapStore, open_map_store

__all__ = [
    "Build",
    "MapStore",
    "Projection",
    "assemble",
    "crawl",
    "open_map_store",
    "open_source",
    "publish_build",
    "published_projection",
    "rollback_build",
]
