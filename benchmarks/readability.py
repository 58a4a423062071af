"""Our counting of syllables beside libraries that work offline, against medical sentences counted by hand.

    python -m benchmarks.readability

Prints one JSON document: words and syllables by hand; for each counter the share of words right, the error of the sum.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pyphen

from search.reading import syllables

BY_HAND = Path(__file__).parent.parent / "tests" / "search" / "syllables_by_hand.txt"
_WORD = re.compile(r"[^\W\d_·]+(?:·[^\W\d_·]+)*")


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
    report: dict[str, object] = {"words": len(running), "syllables": total}
    for name, count in counters.items():
        right = sum(count(word) == counted[word] for word in running)
        error = sum(count(word) for word in running) / total - 1
        report[name] = {"right": round(right / len(running), 3), "error_of_sum": round(error, 3)}
        report[f"{name}_wrong"] = sorted({f"{w} {count(w)}≠{counted[w]}" for w in running if count(w) != counted[w]})
    print(json.dumps(report, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
