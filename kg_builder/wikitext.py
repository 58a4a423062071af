"""Wikitext to a Page: plain text in sections, mentions with their sentence, categories, identifiers. Pure.

No evidence are links to other namespaces and wikis, to dates, years and lists, to the page itself, and all that
templates add, but for three: "Main article" notes, templates that only format words, and the fields of infoboxes,
whose mentions stand in the section ``Infobox``.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kg_builder.markup import LINK, MARKER, Marked, Template, mark, unescape, unmark
from kg_builder.model import Mention, Page, Section
from kg_builder.titles import is_subject, normalise_title

INFOBOX = "Infobox"
LONGEST_SENTENCE = 500
"""A longer sentence, such as a list without full stops, is cut around the mention."""

_BLOCK_TAG = re.compile(r"</?(?:br|p|div|blockquote|center|li|ul|ol|dl|dd|dt|table|tr|td|th|hr|h[1-6])\b[^<>]*>", re.I)
_TAG = re.compile(
    r"</?(?:b|i|u|s|em|strong|small|big|sub|sup|span|font|tt|code|kbd|samp|var|cite|abbr|q|del|ins|strike|ref|nowiki|pre"
    r"|math|poem|caption|thead|tbody|ruby|rb|rp|rt|bdi|wbr|noinclude|onlyinclude|includeonly|section|references|gallery"
    r"|chem|ce|source|syntaxhighlight|timeline|mapframe|graph|score|hiero|imagemap|templatestyles|inputbox)\b[^<>]*>",
    re.IGNORECASE,
)
_EXTERNAL = re.compile(r"\[(?:[a-z]+:)?//[^\s\[\]]+[ \t]*([^\[\]\n]*)\]")
_LEFTOVER = re.compile(r"'{2,}|__[A-Z]{3,}__|\{\{+|\}\}+|\[\[+|\]\]+|\{\||\|\}")
_BULLETS = "*#:; \t"
_BACK_MATTER = re.compile(
    r"references|external links|further reading|notes|bibliography|sources|footnotes|citations|works cited|literature"
    r"|notes and (?:references|citations)|references and notes|general references"
)

_BREAK = re.compile(r"(?<![.!?])[.!?]{1,3}[\"'”’)\]]{0,3} (?=[\"'“‘(\[]{0,3}[^\Wa-z_])")
_ABBREVIATION = re.compile(
    r"e\.g|i\.e|cf|vs|etc|al|dr|prof|mr|mrs|ms|st|no|vol|pp|fig|approx|ca|inc|ltd|jr|sr|dept|eds?|est"
    r"|(?:[^\W\d_]\.)*[^\W\d_]"  # initials
)
# Pages that tell meanings apart, and those that only list what bears a name. "Disambiguation needed" marks one link.
_DISAMBIGUATION = re.compile(
    r"(?!.*need).*disambig.*|disamb|(?:math)?dab|(?:hn|geo|hospital|school|number|road|mil-unit-)dis(?:-cleanup)?"
    r"|sia|set index(?: article)?|surname|given name|nickname|(?:ship|mountain|road|sport|lake|storm) ?index"
)
_REDIRECT = re.compile(r"\s*#redirect\s*:?\s*\[\[([^\[\]|\n]+)", re.IGNORECASE)

_WITH_CODES = ("infobox", "drugbox", "chembox", "medical resources", "medical condition classification and resources")
_ICD10 = r"[A-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,4})?"
_SYSTEMS = {
    "icd10": ("icd10", _ICD10),
    "icd10cm": ("icd10cm", _ICD10),
    "icd11": ("icd11", r"[0-9A-Z]{2}\d[0-9A-Z](?:\.[0-9A-Z]{1,2})?"),
    "icd9": ("icd9", r"[EV]?\d{2,3}(?:\.\d{1,2})?"),
    "icd9cm": ("icd9", r"[EV]?\d{2,3}(?:\.\d{1,2})?"),
    "mesh": ("mesh", r"[CD]\d{6,9}"),
    "meshid": ("mesh", r"[CD]\d{6,9}"),
    "omim": ("omim", r"\d{6}"),
    "snomedct": ("snomed", r"\d{6,18}"),
    "medlineplus": ("medlineplus", r"\d{6}"),
    "orphanet": ("orphanet", r"\d{1,6}"),
    "rxnorm": ("rxnorm", r"\d{1,8}"),
}


@dataclass(frozen=True, slots=True)
class _Paragraph:
    text: str
    links: tuple[tuple[int, int, int], ...]
    """Start, end and number of each link in it."""


def redirect_target(wikitext: str) -> str:
    """Give the title that a redirect page leads to, or the empty string for any other page."""
    match = _REDIRECT.match(wikitext[:1000])
    return normalise_title(match[1]) if match else ""


def parse_page(title: str, wikitext: str, *, redirects: Sequence[str] = ()) -> Page:
    """Read one page. Any text gives a page: what MediaWiki would show as mere text, is text here too."""
    marked = mark(wikitext)
    own = {title, *redirects}
    mentions = list(_infobox_mentions(marked, own=own))
    sections: list[Section] = []
    for heading, paragraphs in _sections(_plain(marked.text)):
        for paragraph in paragraphs:
            mentions += _mentions(paragraph, targets=marked.targets, own=own, section=heading)
        sections.append(Section(heading=heading, text="\n".join(paragraph.text for paragraph in paragraphs)))
    return Page(
        title=title,
        redirects=tuple(sorted(redirects)),
        mentions=tuple(mentions),
        sections=tuple(sections),
        categories=tuple(marked.categories),
        identifiers=_identifiers(marked.templates),
        disambiguation=title.endswith("(disambiguation)")
        or "__DISAMBIG__" in wikitext
        or any(_DISAMBIGUATION.fullmatch(template.name) for template in marked.templates),
    )


def first_sentence(text: str) -> str:
    """Give the first sentence of a text, cut to a bearable length."""
    paragraph = text.partition("\n")[0]
    return _sentence(paragraph, 0, 0, breaks=_breaks(paragraph))


def _plain(text: str) -> str:
    """Give text without tags, quotes and external links; markers, headings and bullets stay."""
    text = _TAG.sub("", _BLOCK_TAG.sub("\n", _EXTERNAL.sub(r"\1", text)))
    return unescape(_LEFTOVER.sub("", text))


def _sections(text: str) -> Iterator[tuple[str, list[_Paragraph]]]:
    """Cut into headings and paragraphs; sections without text and back matter are left out."""
    heading, paragraphs, lines = "", list[_Paragraph](), list[str]()
    silent_level = 0
    for raw in [*text.split("\n"), "==="]:
        line = raw.strip()
        level = _heading_level(line)
        if level or not line or line[0] in _BULLETS or line.startswith(("|", "----")):
            if lines:
                paragraphs.append(_paragraph(" ".join(lines)))
            lines = []
        if level:
            if (kept := [paragraph for paragraph in paragraphs if paragraph.text]) and not silent_level:
                yield heading, kept
            heading, paragraphs = _paragraph(line[level:-level]).text, []
            if not silent_level or level <= silent_level:
                silent_level = level if _BACK_MATTER.fullmatch(heading.casefold()) else 0
        elif line and line[0] in _BULLETS:
            paragraphs.append(_paragraph(line.lstrip(_BULLETS)))
        elif not line.startswith("|"):
            lines += [line.lstrip("-") if line.startswith("----") else line] if line else []


def _heading_level(line: str) -> int:
    if len(line) < 3 or line[0] != "=" or line[-1] != "=":
        return 0
    opening, closing = len(line) - len(line.lstrip("=")), len(line) - len(line.rstrip("="))
    return min(opening, closing, 6, (len(line) - 1) // 2)


def _paragraph(marked_text: str) -> _Paragraph:
    """Take the markers out, noting where the links are; blanks run together."""
    marked_text = " ".join(marked_text.split())
    if LINK not in marked_text:
        return _Paragraph(unmark(marked_text), ())
    kept: list[str] = []
    links: list[tuple[int, int, int]] = []
    length = position = 0
    opened: tuple[int, int] | None = None
    for marker in MARKER.finditer(marked_text):
        piece = unmark(marked_text[position : marker.start()])
        kept.append(piece)
        length += len(piece)
        position = marker.end()
        if opened:
            links.append((opened[1], length, opened[0]))
        opened = (int(marker[1]), length) if marker[1] else None
    kept.append(unmark(marked_text[position:]))
    if opened:
        links.append((opened[1], length + len(kept[-1]), opened[0]))
    return _Paragraph("".join(kept), tuple(links))


def _mentions(paragraph: _Paragraph, *, targets: Sequence[str], own: set[str], section: str) -> Iterator[Mention]:
    if not paragraph.links:
        return
    breaks = _breaks(paragraph.text)
    for start, end, number in paragraph.links:
        target, surface = targets[number], paragraph.text[start:end].strip()
        if target not in own and is_subject(target) and surface:
            sentence = _sentence(paragraph.text, start, end, breaks=breaks)
            yield Mention(target=target, surface=surface, section=section, sentence=sentence)


def _infobox_mentions(marked: Marked, *, own: set[str]) -> Iterator[Mention]:
    for template in marked.templates:
        if not template.name.startswith("infobox"):
            continue
        for key, value in template.arguments.items():
            if LINK in value and not key.startswith(("caption", "image")):
                lines = (line.strip().lstrip(_BULLETS) for line in _plain(value).split("\n"))
                text = "; ".join(line for line in lines if line)
                paragraph = _paragraph(f"{key.replace('_', ' ').capitalize()}: {text}")
                yield from _mentions(paragraph, targets=marked.targets, own=own, section=INFOBOX)


def _breaks(text: str) -> list[int]:
    """Give the starts of all sentences but the first."""
    starts = []
    for match in _BREAK.finditer(text):
        word = text[max(0, match.start() - 20) : match.start()].rpartition(" ")[2].lstrip("\"'“‘([").lower()
        full_stop = match[0][0] == "." and match[0][1] == " "
        if not (full_stop and _ABBREVIATION.fullmatch(word)):
            starts.append(match.end())
    return starts


def _sentence(text: str, start: int, end: int, *, breaks: Sequence[int]) -> str:
    """Give the sentence around a stretch of text."""
    before, after = bisect_right(breaks, start), bisect_left(breaks, max(end, start + 1))
    first = breaks[before - 1] if before else 0
    last = breaks[after] if after < len(breaks) else len(text)
    if last - first > LONGEST_SENTENCE:
        room = max(0, LONGEST_SENTENCE - (end - start)) // 2
        first = first if start - first <= room else text.find(" ", start - room, start) + 1 or start
        last = (
            last if last - end <= room else text.rfind(" ", end, end + room) if " " in text[end : end + room] else end
        )
    return text[first:last].strip()


def _identifiers(templates: Sequence[Template]) -> tuple[tuple[str, str], ...]:
    """Collect codes from infoboxes and medical-resources templates; a range such as I60–I69 is one code."""
    found: set[tuple[str, str]] = set()
    for template in templates:
        if not template.name.startswith(_WITH_CODES):
            continue
        for key, value in template.arguments.items():
            known = _SYSTEMS.get(re.sub(r"[\W_]", "", key))
            if known:
                system, code = known
                text = unmark(_plain(value)).replace("–", "-")
                for match in re.finditer(rf"(?<![\w.])({code})(?:\s?-\s?({code}))?(?![\w.]*\w)", text):
                    found.add((system, "-".join(part for part in match.groups() if part)))
        prefix, suffix = template.arguments.get("atc_prefix", ""), template.arguments.get("atc_suffix", "")
        if re.fullmatch(r"[A-Z]\d\d[A-Z]{2}", prefix) and re.fullmatch(r"\d\d", suffix):
            found.add(("atc", prefix + suffix))
    return tuple(sorted(found))
