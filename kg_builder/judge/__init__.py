"""Which of the pages that are linked to belong to a topic.

In:   Candidates of one path length and the Context they are measured in.     Out: a Judgement each, with score and
reasons. Pure; training (``kg_builder.judge.train``) is apart, since only it needs scikit-learn.
"""

from __future__ import annotations

from kg_builder.judge.base import Context, Judge
from kg_builder.judge.rules import EverythingJudge, VocabularyJudge
from strokemap.model import LinearModel
from strokemap.topic import Topic

__all__ = ["Context", "Judge", "open_judge"]


def open_judge(topic: Topic, *, model: LinearModel | None = None) -> Judge:
    """Give the judge that a topic asks for; without ``model`` the shipped one. Errors: JudgeMalformed."""
    if topic.judge == "everything":
        return EverythingJudge()
    if topic.judge == "vocabulary":
        return VocabularyJudge()
    # The model needs scipy, which takes longer to import than a whole search; nothing but a crawl needs the model.
    from kg_builder.judge.model import ModelJudge, shipped_model

    return ModelJudge(model or shipped_model(), threshold=topic.threshold)
