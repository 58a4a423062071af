"""Our counting of syllables and grades beside libraries, against medical sentences counted by hand.

    uv run --with textstat python -m benchmarks.readability

Prints one JSON document: words and syllables by hand; for each counter the share of words right, of the long ones among
them (three syllables and more), and the error of the sum; for grades of four sentences each, the greatest error.
textstat takes part where it is installed and has its dictionary: `python -m nltk.downloader cmudict`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pyphen

from search.reading import reading_grade, syllables

BY_HAND = Path(__file__).parent.parent / "tests" / "search" / "syllables_by_hand.txt"
LONG = 3
_WORD = re.compile(r"[^\W\d_·]+(?:·[^\W\d_·]+)*")


def graded() -> Iterator[tuple[str, float]]:
    """Give each four sentences with their Flesch-Kincaid grade by the count by hand."""
    lines = BY_HAND.read_text(encoding="utf-8").splitlines()
    for first in range(0, len(lines), 4):
        some = lines[first : first + 4]
        words = [word for line in some for word in _WORD.findall(line)]
        syllables_a_word = sum(word.count("·") + 1 for word in words) / len(words)
        yield " ".join(some).replace("·", ""), 0.39 * len(words) / len(some) + 11.8 * syllables_a_word - 15.59


def main() -> None:
    marked = _WORD.findall(BY_HAND.read_text(encoding="utf-8"))
    counted = {word.replace("·", ""): word.count("·") + 1 for word in marked}
    hyphens = pyphen.Pyphen(lang="en_US")
    counters: dict[str, Callable[[str], int]] = {
        "ours": syllables,
        "pyphen": lambda word: hyphens.inserted(word).count("-") + 1,
    }
    running = [word.replace("·", "") for word in marked]
    total = sum(counted[word] for word in running)
    long = [word for word in running if counted[word] >= LONG]
    graders: dict[str, Callable[[str], float | None]] = {"ours": reading_grade}
    if find_spec("textstat"):
        textstat = import_module("textstat")
        counters["textstat"], graders["textstat"] = textstat.syllable_count, textstat.flesch_kincaid_grade
    report: dict[str, object] = {"words": len(running), "long": len(long), "syllables": total}
    for name, count in counters.items():
        right, of_long = (sum(count(word) == counted[word] for word in some) / len(some) for some in (running, long))
        error = sum(count(word) for word in running) / total - 1
        found = {"right": right, "right_of_long": of_long, "error_of_sum": error}
        if name in graders:
            found["greatest_error_of_grade"] = max(
                abs((graders[name](text) or 0.0) - grade) for text, grade in graded()
            )
        report[name] = {key: round(value, 3) for key, value in found.items()}
        report[f"{name}_wrong"] = sorted({f"{w} {count(w)}≠{counted[w]}" for w in running if count(w) != counted[w]})
    print(json.dumps(report, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
