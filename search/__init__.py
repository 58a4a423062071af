"""From a reader's words to articles, with the reason for each.

In:   a Query; a Projection (kg_builder: the published map as arrays); a TextIndex; a Gate.     Out: an Answer, which
      explains itself. Beside it the library: article files in, a text index out.
Pure: ``search`` has no clock, no network, no write. The ledger entry and the time taken are added by api/service.
"""

from search.answer import Answer, search
from search.article import Article
from search.gate import Gate
from search.index import TextIndex
from search.index_files import build_index, published_index
from search.library import Library, import_articles
from search.query import Query

__all__ = [
    "Answer",
    "Article",
    "Gate",
    "Library",
    "Query",
    "TextIndex",
    "build_index",
    "import_articles",
    "published_index",
    "search",
]
