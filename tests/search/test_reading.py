from __future__ import annotations

import re
from pathlib import Path

import pytest

from search.reading import FEWEST_WORDS, reading_grade, syllables

# Counted by hand.
_COUNTED = {
    "stroke": 1, "brain": 1, "weak": 1, "help": 1, "caused": 1, "strokes": 1, "are": 1, "the": 1,
    "doctor": 2, "needed": 2, "people": 2, "muscle": 2, "muscles": 2, "balance": 2, "swallow": 2, "disease": 2,
    "aphasia": 3, "medicine": 3, "recover": 3, "arteries": 3,
    "serious": 3, "precious": 2, "ischemic": 3, "hospital": 3, "fibrillate": 3,
    "dysarthria": 4, "rehabilitation": 6, "emergency": 4, "hemorrhagic": 4, "hypertension": 4,
    "occupational": 5, "cardiovascular": 6,
}  # fmt: skip


@pytest.mark.parametrize(("word", "count"), _COUNTED.items())
def test_syllables_agree_with_a_count_by_hand(word: str, count: int):
    assert syllables(word) == count


BY_HAND = (Path(__file__).parent / "syllables_by_hand.txt").read_text(encoding="utf-8").splitlines()
_MARKED = re.compile(r"[^\W\d_·]+(?:·[^\W\d_·]+)*")


def test_medical_sentences_agree_with_a_count_by_hand():
    marked = [word for line in BY_HAND for word in _MARKED.findall(line)]
    right = [syllables(word.replace("·", "")) == word.count("·") + 1 for word in marked]
    assert len(marked) == 340
    assert sum(right) >= 0.97 * len(right)
    total = sum(word.count("·") + 1 for word in marked)
    assert sum(syllables(word.replace("·", "")) for word in marked) == pytest.approx(total, rel=0.01)


@pytest.mark.parametrize("first", range(0, len(BY_HAND), 4))
def test_the_grade_of_medical_sentences_is_that_of_a_count_by_hand(first: int):
    some = BY_HAND[first : first + 4]
    marked = [word for line in some for word in _MARKED.findall(line)]
    by_hand = 0.39 * len(marked) / len(some) + 11.8 * sum(w.count("·") + 1 for w in marked) / len(marked) - 15.59
    assert reading_grade(" ".join(some).replace("·", "")) == pytest.approx(by_hand, abs=1.0)


def test_the_grade_is_that_of_the_formula():
    # 26 words, 4 sentences, 30 syllables, counted by hand.
    text = (
        "The doctor came at once. My arm was weak and my face was numb. I could not speak. "
        "People in the ward gave me balance again."
    )
    assert sum(syllables(word) for word in text.replace(".", "").split()) == 30
    assert reading_grade(text) == round(0.39 * 26 / 4 + 11.8 * 30 / 26 - 15.59, 1)


def test_each_item_of_a_list_is_a_sentence():
    items = [
        "weakness on one side of the body",
        "trouble with speech and swallowing",
        "sudden loss of balance or sight",
        "a very bad headache that starts at once",
    ]
    listed = "Call for help when you see: - " + " - ".join(items)
    assert reading_grade(listed) < reading_grade(listed.replace(" - ", " and "))


def test_a_full_stop_within_a_number_or_abbreviation_ends_no_sentence():
    plain = (
        "Doctor Smith gave about three and a half grams of it each day to all of them, and it was a great help to most."
    )
    dotted = plain.replace("Doctor Smith", "Dr. Smith").replace("three and a half", "3.5")
    assert reading_grade(dotted) > reading_grade(plain.replace(", and", ". And"))


def test_hard_text_has_a_higher_grade_than_easy_text():
    easy = (
        "You had a stroke. It can be hard to talk. Speak slowly. Use your hands. Ask for time. It will get better soon."
    )
    hard = (
        "Cerebrovascular rehabilitation necessitates interdisciplinary collaboration, incorporating pharmacological "
        "anticoagulation, comprehensive neuropsychological evaluation, occupational therapy, and individualised "
        "physiotherapeutic interventions throughout convalescence, notwithstanding cardiovascular comorbidities."
    )
    assert reading_grade(easy) < 4 < 15 < reading_grade(hard)


@pytest.mark.parametrize("text", ["", "…", "Stroke.", "a " * (FEWEST_WORDS - 1), "\x00", "中风"])
def test_a_text_too_short_to_tell_has_no_grade(text: str):
    assert reading_grade(text) is None
