"""Wikitext to text with marked links: one pass over its brackets, in time linear in the length whatever it holds.

Links stand in the result as ``LINK number TEXT surface END``, three characters of the private use area, so that
headings, paragraphs and sentences can be cut without losing where a link was. Everything else is gone or is text.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

from kg_builder.titles import is_elsewhere, is_other_language, normalise_title

LINK, TEXT, END = "\ue000", "\ue001", "\ue002"
MARKER = re.compile(f"{LINK}(\\d+){TEXT}|{END}")
_PRIVATE = re.compile("[\ue000-\uf8ff]")
# Characters of <nowiki> that would read as markup lie here until the end.
_SHIELD = {ord(char): 0xE100 + ord(char) for char in "[]{}|<>='*#:;_&!-"}
_UNSHIELD = {shielded: char for char, shielded in _SHIELD.items()}

MAX_NESTING = 40
"""MediaWiki's own limit for templates in templates; deeper brackets stay text, which bounds the work."""

_EXTENSION = re.compile(
    r"<!--|<(ref|nowiki|pre|math|chem|ce|gallery|syntaxhighlight|source|timeline|score|hiero|imagemap|graph|mapframe"
    r"|templatestyles|references|inputbox|includeonly)(?=[\s/>])([^<>]*)>",
    re.IGNORECASE,
)
_KEPT_EXTENSIONS = ("nowiki", "pre", "chem", "ce")
_BRACKET = re.compile(r"\{\{|\}\}|\[\[|\]\]|\||\n[ \t:]*\{\||\n[ \t]*\|\}(?!\})|\n[ \t]*(?=\n)")
_LONGEST_TARGET = 1000
_TRAIL = re.compile(r"[a-z]+")
_NAME = re.compile(r"[\w .\-/]{1,60}")

_HATNOTES = {"main": "Main article", "main article": "Main article", "see also": "See also", "see": "See"}
_HATNOTES |= {"further": "Further information", "further information": "Further information", "details": "Details"}
_FIRST = {"nowrap", "nobr", "small", "smaller", "big", "nobold", "abbr", "vanchor", "visible anchor", "tooltip", "ill"}
_FIRST |= {"em", "strong", "sup", "sub"}
_LAST = {"lang", "transl", "transliteration"}
_LISTS = {"plainlist", "hlist", "flatlist", "ubl", "unbulleted list", "bulleted list", "blist"}
_QUOTED = {"quote", "blockquote", "cquote"}
_SIGNS = {"!": "|", "=": "=", "·": " · ", "•": " • ", "bull": " • ", "ndash": "–", "spnd": " – ", "mdash": "—"}
_SIGNS |= {"nbsp": " ", "spaces": " ", "'": "'", "pipe": "|", "snd": " – ", "-": "\n", "clear": "\n"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One template as written: its name in small letters, arguments by name, or by number counting from 1."""

    name: str
    arguments: dict[str, str]


@dataclass(slots=True, kw_only=True)
class Marked:
    """A wikitext with its brackets resolved."""

    text: str = ""
    targets: list[str] = field(default_factory=list)
    """What the link of each number points to, normalised; a title of a page or the empty string."""
    categories: list[str] = field(default_factory=list)
    templates: list[Template] = field(default_factory=list)

    def add_link(self, target: str, surface: str) -> str:
        """Give the marked text of a new link; links to elsewhere and to sections of the page itself are mere text."""
        title = normalise_title(target)
        if not title or is_elsewhere(title):
            return surface
        self.targets.append(title)
        return f"{LINK}{len(self.targets) - 1}{TEXT}{surface}{END}"


@dataclass(slots=True)
class _Frame:
    """An open bracket with what was read since: at least one part, a new one after each vertical bar."""

    opening: str
    parts: list[list[str]] = field(default_factory=lambda: [[]])

    def literal(self) -> str:
        return self.opening + "|".join("".join(part) for part in self.parts)


def mark(wikitext: str) -> Marked:
    """Resolve comments, extension tags, templates, tables, files and links."""
    marked = Marked()
    text = "\n" + _strip_extensions(_PRIVATE.sub("", wikitext).replace("\r", ""))
    stack = [_Frame("")]
    position = 0
    while found := _BRACKET.search(text, position):
        stack[-1].parts[-1].append(text[position : found.start()])
        position = _take(found[0], found.end(), text=text, stack=stack, marked=marked)
    stack[-1].parts[-1].append(text[position:])
    while len(stack) > 1:
        _abandon(stack)
    marked.text = "".join(stack[0].parts[0])
    return marked


def unmark(text: str) -> str:
    """Give text without the markers of links, and with what nowiki protected."""
    return MARKER.sub("", text).translate(_UNSHIELD)


def unescape(text: str) -> str:
    """Resolve entities; none can make a marker."""
    if "&" not in text:
        return text
    parts = re.split(f"([{LINK}{TEXT}{END}\ue100-\ue1ff])", text)
    return "".join(part if index % 2 else _PRIVATE.sub("", html.unescape(part)) for index, part in enumerate(parts))


def _strip_extensions(text: str) -> str:
    kept: list[str] = []
    unclosed: set[str] = set()
    position = 0
    while opening := _EXTENSION.search(text, position):
        kept.append(text[position : opening.start()])
        position = opening.end()
        name = (opening[1] or "").lower()
        if not name:
            # As in MediaWiki, a comment that nobody closes hides the rest of the page.
            end = text.find("-->", position)
            position = end + 3 if end >= 0 else len(text)
            continue
        if opening[2].endswith("/") or name in unclosed:
            continue
        closing = re.compile(rf"</{name}\s*>", re.IGNORECASE).search(text, position)
        if closing is None:
            unclosed.add(name)
            continue
        if name in _KEPT_EXTENSIONS:
            kept.append(text[position : closing.start()].translate(_SHIELD))
        position = closing.end()
    kept.append(text[position:])
    return "".join(kept)


def _take(bracket: str, position: int, *, text: str, stack: list[_Frame], marked: Marked) -> int:
    """Handle one bracket; give the position to read on from."""
    top = stack[-1]
    if bracket in ("{{", "[[") or bracket.endswith("{|"):
        if len(stack) <= MAX_NESTING:
            stack.append(_Frame(bracket))
        else:
            top.parts[-1].append(bracket)
    elif bracket == "|" and top.opening in ("{{", "[["):
        top.parts.append([])
    elif bracket == "}}" and any(frame.opening == "{{" for frame in stack):
        # A link or table that was never closed must not swallow the rest of the page.
        while stack[-1].opening != "{{":
            _abandon(stack)
        rendered = _render_template(stack.pop(), marked=marked)
        stack[-1].parts[-1].append(rendered)
    elif bracket == "]]" and top.opening == "[[":
        stack.pop()
        trail = _TRAIL.match(text, position)
        rendered, used = _render_link(top, trail=trail[0] if trail else "", marked=marked)
        stack[-1].parts[-1].append(rendered)
        return position + used
    elif bracket.endswith("|}") and top.opening.endswith("{|"):
        stack.pop()
        stack[-1].parts[-1].append("\n")
    elif bracket.startswith("\n") and bracket.isspace():
        while stack[-1].opening == "[[" and len(stack[-1].parts) < 3:
            _abandon(stack)
        stack[-1].parts[-1].append("\n")
    else:
        top.parts[-1].append(bracket)
    return position


def _abandon(stack: list[_Frame]) -> None:
    frame = stack.pop()
    stack[-1].parts[-1].append(frame.literal())


def _render_link(frame: _Frame, *, trail: str, marked: Marked) -> tuple[str, int]:
    """Give a link's text and how many letters of the trail it took, as ``[[stroke]]s`` shows one word."""
    target = "".join(frame.parts[0])
    surface = "|".join("".join(part) for part in frame.parts[1:])
    prefix = target.partition(":")[0].strip().lower()
    if prefix in ("file", "image", "media"):
        return "", 0
    if is_other_language(target):
        return "", 0
    if prefix == "category":
        name = normalise_title(target.partition(":")[2])
        if name and name not in marked.categories:
            marked.categories.append(name)
        return "", 0
    if "\n" in target or len(target) > _LONGEST_TARGET:
        return frame.literal() + "]]", 0
    if len(frame.parts) == 1:
        surface = target.strip().removeprefix(":").replace("_", " ")
    elif not surface.strip():
        surface = re.sub(r"\s*\([^()]*\)\s*$", "", target.partition(":")[2] or target)
    return marked.add_link(target, surface + trail), len(trail)


def _render_template(frame: _Frame, *, marked: Marked) -> str:
    parts = ["".join(part) for part in frame.parts]
    name = parts[0].strip().replace("_", " ").lower().removeprefix("template:")
    arguments: dict[str, str] = {}
    placed = 0
    for part in parts[1:]:
        key, equals, value = part.partition("=")
        if equals and _NAME.fullmatch(key.strip()):
            arguments[key.strip().lower()] = value.strip()
        else:
            placed += 1
            arguments[str(placed)] = part.strip()
    marked.templates.append(Template(name=name, arguments=arguments))
    return _readable(name, arguments, marked=marked)


def _readable(name: str, arguments: dict[str, str], *, marked: Marked) -> str:
    """Give the text that a reader sees in place of a template, for those few that stand inside sentences."""
    placed = [value for key, value in arguments.items() if key.isdecimal() and value]
    text = _SIGNS.get(name, "")
    if name in _HATNOTES and placed:
        links = [value if LINK in value else marked.add_link(value, value.partition("#")[0]) for value in placed]
        text = f"\n:{_HATNOTES[name]}: {', '.join(links)}\n"
    elif name in _FIRST or name.startswith("lang-"):
        text = "".join(placed[:1])
    elif name in _LAST:
        text = "".join(placed[-1:])
    elif name in _LISTS:
        text = "\n" + "\n* ".join(placed) + "\n"
    elif name in _QUOTED:
        text = f"\n{arguments.get('text') or ''.join(placed[:1])}\n"
    elif name in ("convert", "cvt"):
        text = " ".join(placed[:2])
    elif name.startswith("icd"):
        text = _icd(name, placed)
    return text


def _icd(name: str, placed: list[str]) -> str:
    """Give the code of ``{{ICD10|I63.9}}`` and of the old form ``{{ICD10|G|45|9|g|40}}``."""
    if not placed:
        return ""
    if name.startswith("icd10") and len(placed[0]) == 1 and len(placed) > 1:
        minor = placed[2] if len(placed) > 2 and placed[2][:1].isdigit() else ""
        return f"{placed[0].upper()}{placed[1]}" + (f".{minor}" if minor else "")
    return placed[0]
