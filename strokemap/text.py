"""Folding, stemming and the keys under which names are found. Pure, and the same for titles and for queries."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import Stemmer

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?", re.UNICODE)
# The same in ASCII, read in half the time.
_ASCII_WORD = re.compile(r"[0-9A-Za-z]+(?:'[0-9A-Za-z]+)?")
# Endings and letters that stand for the same sound; rules with many exceptions (-re, -ise) are left out.
_BRITISH = re.compile(r"ae(?=[a-z])|oe(?=[a-z])|(?<=[a-z]{2})our(?=s?\b|ed\b|ing\b)|isation|yse(?=[sdr]?\b)")
_AMERICAN = {"ae": "e", "oe": "e", "our": "or", "isation": "ization", "yse": "yze"}
_SNOWBALL = Stemmer.Stemmer("english")


def fold(text: str) -> str:
    """Give ``text`` without case, accents and typographic variants, so that ``Café–NAÏVE`` equals ``cafe-naive``."""
    if text.isascii():
        return text.casefold()
    decomposed = unicodedata.normalize("NFKD", text)
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    return plain.casefold().replace("’", "'").replace("‐", "-").replace("–", "-").replace("—", "-")


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """Give the Snowball English stem of one folded word."""
    return str(_SNOWBALL.stemWord(word))


def word_spans(text: str) -> list[tuple[int, int]]:
    """Give start and end of each word: letters and digits; an inner apostrophe joins, a hyphen parts."""
    pattern = _ASCII_WORD if text.isascii() else _WORD
    return [match.span() for match in pattern.finditer(text)]


def words(text: str) -> list[str]:
    """Give the folded words of ``text`` in order."""
    folded = fold(text)
    return (_ASCII_WORD if folded.isascii() else _WORD).findall(folded)


@lru_cache(maxsize=65536)
def singular(word: str) -> str:
    """Give a folded English word without its plural or possessive ending; never shorter than three letters."""
    word = word.removesuffix("'s")
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def name_key(name: str) -> str:
    """Give the key under which a name is found: folded words without plural endings, joined by one space.

    The empty string for a name without letters or digits.
    """
    return " ".join(singular(word) for word in words(name))


def american(text: str) -> str:
    """Give folded text in American spelling, as far as rules go: ``haemorrhage`` is ``hemorrhage``."""
    return _BRITISH.sub(lambda match: _AMERICAN[match[0]], text)


def is_abbreviation(name: str) -> bool:
    """Tell whether a name is short and written in capitals (``TIA``, ``tPA``), so that case carries meaning."""
    letters = [char for char in name if char.isalpha()]
    return 2 <= len(name) <= 6 and " " not in name and sum(char.isupper() for char in letters) >= 2
