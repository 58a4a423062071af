"""Wikitext to pages: text without markup, mentions that are evidence, identifiers; held against wikitextparser too."""

from __future__ import annotations

import bz2
import re
from html import unescape
from itertools import islice
from pathlib import Path

import pytest
import wikitextparser
from hypothesis import given, settings
from hypothesis import strategies as st

from kg_builder.model import Page
from kg_builder.titles import is_subject, normalise_title
from kg_builder.wikitext import LONGEST_SENTENCE, first_sentence, parse_page, redirect_target


def read(wikitext: str, *, redirects: tuple[str, ...] = ()) -> Page:
    return parse_page("Stroke", wikitext, redirects=redirects)


def text_of(wikitext: str) -> str:
    return "\n".join(section.text for section in read(wikitext).sections)


def targets_of(wikitext: str) -> list[str]:
    return [mention.target for mention in read(wikitext).mentions]


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        ("'''Bold''' and ''italic'' and '''''both'''''", "Bold and italic and both"),
        ("a<ref>{{cite|[[x]]}}</ref> b<ref name=n /> c", "a b c"),
        ("a<!-- [[hidden]] --> b", "a b"),
        ("a <!-- never closed [[x]]", "a"),
        ("<nowiki>[[not a link]] ''nor'' <b></nowiki>", "[[not a link]] ''nor'' <b>"),
        ("H<sub>2</sub>O, 10<sup>3</sup>, <math>x^{2}</math>done", "H2O, 103, done"),
        ("a<br/>b<br>c", "a b c"),
        ("5&nbsp;mg &amp; 3 &lt; 4", "5 mg & 3 < 4"),
        ("See [https://x.example/a?b=1 the label], [https://x.example].", "See the label, ."),
        ("before\n{| class=x\n! head\n|-\n| [[cell]] || b\n{|\n| inner\n|}\n|}\nafter", "before\nafter"),
        ("x [[File:A.jpg|thumb|upright|A [[caption]] of it]] y", "x y"),
        ("{{Unknown|a|b={{nested|c}}}}text", "text"),
        ("{{lang|fr|mot}} {{nowrap|a b}} {{convert|5|km|mi}} a{{ndash}}b", "mot a b 5 km a–b"),
        ("__NOTOC__text__NOEDITSECTION__", "text"),
        ("* one\n# two\n:; three", "one\ntwo\nthree"),
        ("one\ntwo\n\nthree", "one two\nthree"),
        ("an open {{template and [[link\n\nnext", "an open template and link\nnext"),
        ("{|\n| never closed\n\ntext", "text"),
        ("a}} b]] c", "a b c"),
        ("", ""),
    ],
)
def test_text_has_no_markup_left(wikitext: str, text: str) -> None:
    assert text_of(wikitext) == text


def test_sections_follow_headings_and_leave_back_matter_out() -> None:
    page = read(
        "Lead.\n== Signs ==<!-- x -->\nWeak [[arm]].\n=== Sudden ===\n\n== References ==\n[[Journal]]\n"
        "=== More ===\n[[Book]]\n== See also ==\n* [[Aphasia]]\n"
    )
    assert [(section.heading, section.text) for section in page.sections] == [
        ("", "Lead."),
        ("Signs", "Weak arm."),
        ("See also", "Aphasia"),
    ]
    assert page.lead == "Lead."
    assert [(mention.target, mention.section) for mention in page.mentions] == [
        ("Arm", "Signs"),
        ("Aphasia", "See also"),
    ]


def test_mention_has_surface_section_and_its_own_sentence() -> None:
    page = read(
        "First one. In the U.S., e.g. by Dr. Smith, [[Aphasia (speech)#Types|problem]]s ''with'' it occur. Last."
    )
    (mention,) = page.mentions
    assert mention.target == "Aphasia (speech)"
    assert mention.surface == "problems"
    assert mention.section == ""
    assert mention.sentence == "In the U.S., e.g. by Dr. Smith, problems with it occur."


def test_pipe_trick_shows_the_title_without_its_parentheses() -> None:
    assert [mention.surface for mention in read("[[Mercury (element)|]]").mentions] == ["Mercury"]


def test_sentence_without_an_end_is_cut_around_the_mention() -> None:
    (mention,) = read("word " * 400 + "[[Aphasia]] " + "word " * 400).mentions
    assert len(mention.sentence) <= LONGEST_SENTENCE
    assert "Aphasia" in mention.sentence
    assert len(first_sentence("word " * 400)) <= LONGEST_SENTENCE


@pytest.mark.parametrize(
    "link",
    [
        "[[Category:Stroke]]", "[[:Category:Stroke]]", "[[File:A.jpg]]", "[[Wikipedia:Help]]", "[[User talk:X]]",
        "[[de:Schlaganfall]]", "[[wikt:stroke|stroke]]", "[[:fr:Accident]]", "[[#Causes|below]]", "[[stroke]]",
        "[[Stroke#Causes]]", "[[CVA]]", "[[2013]]", "[[1990s]]", "[[19th century]]", "[[4th century BC]]",
        "[[January 5]]", "[[5 May]]", "[[July 2008]]", "[[2008 in music]]", "[[List of strokes]]",
        "[[Timeline of stroke]]",
        "{{Navbox|list=[[Aphasia]]}}", "<ref>[[Aphasia]]</ref>", "{{cite book|title=[[Aphasia]]}}", "[[<b>|x]]",
        "[[ ]]", "<gallery>\nA.jpg|[[Aphasia]]\n</gallery>",
    ],
)  # fmt: skip
def test_no_evidence_is(link: str) -> None:
    assert read(f"It is {link} here.", redirects=("CVA",)).mentions == ()


@pytest.mark.parametrize(
    ("wikitext", "targets"),
    [
        ("[[aphasia]]", ["Aphasia"]),
        ("[[ _aphasia__types#X| y]]", ["Aphasia types"]),
        ("[[E%20coli]] [[Caf&eacute;]] [[cafe\u0301]]", ["E coli", "Café", "Café"]),
        ("{{Main|Aphasia|Heart failure#x}}", ["Aphasia", "Heart failure"]),
        ("{{see also|[[Aphasia]]}}", ["Aphasia"]),
        ("{{Infobox disease|symptoms=[[Aphasia]], {{hlist|[[Palsy]]|[[Pain]]}}|caption=[[Photo]]}}",
         ["Aphasia", "Palsy", "Pain"]),
        ("[[Aphasia|a [b] c]] [[CSI: Miami]]", ["Aphasia", "CSI: Miami"]),
        ("[[open [[Aphasia]] text", ["Aphasia"]),
        ("[[Aphasia|x\n\n]] [[Palsy]]", ["Palsy"]),
        ("{{open [[Aphasia]]\n\n[[Palsy]]", ["Aphasia", "Palsy"]),
        ("[[File:A.jpg|thumb|unclosed [[Aphasia]]\n\n[[Palsy]]", ["Aphasia", "Palsy"]),
    ],
)  # fmt: skip
def test_evidence_is(wikitext: str, targets: list[str]) -> None:
    assert targets_of(wikitext) == targets


def test_infobox_field_is_the_sentence_of_its_mentions() -> None:
    (mention,) = read(
        "{{Infobox medical condition\n| risk_factors = High [[blood pressure]]<ref>x</ref>\n}}\nText."
    ).mentions
    assert (mention.section, mention.sentence) == ("Infobox", "Risk factors: High blood pressure")
    assert text_of("{{Infobox|a=[[b]]}}\nText.") == "Text."


def test_categories_are_kept_once_and_in_order() -> None:
    assert read("[[Category:stroke|*]] [[category: Brain_disorders ]] [[Category:Stroke]]").categories == (
        "Stroke",
        "Brain disorders",
    )


def test_identifiers_come_from_infoboxes_and_medical_resources_only() -> None:
    page = read(
        """{{Infobox medical condition|ICD10 = {{ICD10|I|63|9|i|60}}, {{ICD10|I60}}–{{ICD10|I64}}|MeshID=D020521}}
        {{Medical resources|ICD-10=I69.3|ICD9={{ICD9|434.91}}|OMIM=601367|SNOMED CT=230690007|MedlinePlus=000726}}
        {{Drugbox|ATC_prefix=B01|ATC_suffix=AC06}} {{Infobox drug|ATC_prefix=B01AC|ATC_suffix=06}}
        {{Cite|MeshID=D999999}} ICD10 = Z99"""
    )
    assert page.identifiers == (
        ("atc", "B01AC06"), ("icd10", "I60-I64"), ("icd10", "I63.9"), ("icd10", "I69.3"), ("icd9", "434.91"),
        ("medlineplus", "000726"), ("mesh", "D020521"), ("omim", "601367"), ("snomed", "230690007"),
    )  # fmt: skip


@pytest.mark.parametrize(
    "mark",
    [
        *("disambig", "Disambiguation|geo", "dab", "hndis|X", "Disambig-cleanup", "disambiguation cleanup", "geodis"),
        *("hndis-cleanup", "numberdis", "roaddis", "mathdab", "Mil-unit-dis", "Airport_disambiguation", "TLAdisambig"),
        *("SIA", "Set index article", "surname|X", "given name", "Mountainindex", "Letter-NumberCombDisambig"),
    ],
)
def test_disambiguation_pages_are_recognised(mark: str) -> None:
    assert read(f"'''Stroke''' may mean: {{{{{mark}}}}}").disambiguation


def test_disambiguation_is_recognised_by_the_magic_word() -> None:
    assert read("Stroke may mean: __DISAMBIG__").disambiguation


def test_disambiguation_is_not_seen_in_a_request_for_it() -> None:
    text = "a{{disambiguation needed}} b{{disambig-needed}} {{about|x|y|Stroke (disambiguation)}} {{surname needed}}"
    assert not read(text).disambiguation
    assert not read("{{Siamese}} {{index}} {{roadside}} {{dabs}} {{Infobox surname}}").disambiguation


@pytest.mark.parametrize(
    "title",
    [
        *("1990", "5 BC", "AD 79", "1990s", "2000s (decade)", "1900 (year)", "20th century", "2nd millennium BC"),
        *("May", "May 5", "May 2013", "May 5, 1990", "5 May", "5 May 1990"),
        *("1990 in medicine", "2000s in medicine", "20th century in medicine", "Deaths in 2013", "Births in May 2013"),
        *("List of nerves", "Lists of diseases", "Alphabetical list of nerves", "Index of medicine articles"),
        *("Outline of medicine", "Timeline of stroke", "Glossary of medicine", "Bibliography of medicine"),
        *("", "Talk:Stroke", "De:Schlaganfall"),
    ],
)
def test_title_of_a_date_a_period_or_a_listing_is_no_subject(title: str) -> None:
    assert not is_subject(title)


@pytest.mark.parametrize(
    "title",
    [
        *("Stroke", "History of stroke", "Deaths in custody", "1 in 60 rule", "Mayo Clinic", "May–Thurner syndrome"),
        *("Listing", "5-HT receptor", "2C (drug)", "Factor VIII", "12 May Movement", "1990 FIFA World Cup"),
    ],
)
def test_title_that_only_resembles_one_is_a_subject(title: str) -> None:
    assert is_subject(title)


@pytest.mark.parametrize(
    ("wikitext", "target"),
    [
        ("#REDIRECT [[stroke]]", "Stroke"),
        ("  #redirect: [[Stroke#Types|x]] {{R from section}}", "Stroke"),
        ("Text #REDIRECT [[Stroke]]", ""),
        ("#REDIRECT Stroke", ""),
    ],
)
def test_redirect_target(wikitext: str, target: str) -> None:
    assert redirect_target(wikitext) == target


@given(st.text(alphabet="aZ_# :é\u0301%2&;/()-", max_size=40))
@settings(derandomize=True, deadline=None)
def test_normalising_a_title_twice_changes_nothing_more(text: str) -> None:
    title = normalise_title(text)
    if "%" not in title and "&" not in title:
        assert normalise_title(title) == title


def test_title_that_mediawiki_refuses_is_none() -> None:
    assert [normalise_title(text) for text in ("#x", " _ ", "a|b", "a[b", "a" * 256, "\ue000", "a\nb")] == [""] * 6 + [
        "A b"
    ]
    assert not is_subject("")


_PIECES = [
    "[[", "]]", "{{", "}}", "{|", "|}", "|", "\n", "\n\n", "=", "==", "'''", "<ref>", "</ref>", "<nowiki>", "</nowiki>",
    "<!--", "-->", "a", "Stroke", " ", "File:", "Category:", "infobox", "main", "ICD10=", "&#57344;", "\ue000", "1",
    ". ", "[http://x", "<b", ">", "#", "*", "__TOC__", "\x00", "😀",
]  # fmt: skip


@given(st.lists(st.sampled_from(_PIECES), max_size=60).map("".join))
@settings(derandomize=True, deadline=None, max_examples=400)
def test_any_text_gives_a_page_whose_mentions_hold(wikitext: str) -> None:
    page = read(wikitext)
    for mention in page.mentions:
        assert normalise_title(mention.target) == mention.target
        assert is_subject(mention.target)
        assert mention.surface in mention.sentence
    assert not any("\ue000" <= char <= "\uf8ff" for section in page.sections for char in section.heading + section.text)
    assert all(section.text for section in page.sections)


_HOSTILE = [
    "[[", "{{", "{|\n", "<ref>", "{{a|", "[[File:a|", "'''", "<b ", "{{{", "|", "{{nowrap|", ". A", "[http://a", " ",
    "=", "[[a|b]] ", "\n\n", "[[ ", "<", "&", "&#1", "\n:", 'A."', "</ref ", "<!", "{{a}} ", "]]", "}}",
]  # fmt: skip


@pytest.mark.parametrize("piece", _HOSTILE)
def test_flood_of_one_bracket_is_read_to_its_end(piece: str) -> None:
    # In quadratic time any of these would take many minutes.
    page = read("[[Aphasia]]\n\n" + piece * 15_000)
    assert page.mentions[0].target == "Aphasia"


@pytest.mark.data
def test_links_agree_with_an_independent_parser_on_real_pages(test_data: Path) -> None:
    with bz2.open(test_data / "wiki" / "wiki-small.xml.bz2", "rt", encoding="utf-8") as export:
        pages = re.findall(r"<title>(.*?)</title>.*?<text[^>]*>(.*?)</text>", export.read(), re.DOTALL)
    ours_only, theirs_only, shared = set(), set(), 0
    for title, escaped in islice(pages, 300):
        wikitext = unescape(escaped)
        ours = {mention.target for mention in parse_page(unescape(title), wikitext).mentions}
        theirs = {normalise_title(link.title) for link in wikitextparser.parse(wikitext).wikilinks}
        shared += len(ours & theirs)
        ours_only |= {(title, target) for target in ours - theirs}
        theirs_only |= {(title, target) for target in theirs - ours if is_subject(target) and target != unescape(title)}
    assert shared > 3000
    # Only "Main article" templates give links that are no wikilinks; what is left out stands in references and tables.
    assert len(ours_only) < 0.01 * shared
    assert len(theirs_only) < 0.06 * shared
