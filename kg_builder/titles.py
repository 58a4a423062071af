"""Page titles as MediaWiki writes them, and which of them name a subject at all."""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache
from urllib.parse import unquote

MAX_BYTES = 255
"""MediaWiki keeps no longer title."""

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_BLANK = re.compile(r"[\s_\u00a0]+")
_IMPOSSIBLE = re.compile("[<>\\[\\]{}|\x00-\x1f\x7f\ue000-\uf8ff\ufffd]")

_NAMESPACE = re.compile(
    r"(?:"
    r"media|special|talk|user|wikipedia|wp|project|file|image|mediawiki|template|help|category|portal|draft|timedtext"
    r"|module|book|gadget|topic|education_program"
    r")(?:_talk)?"
)
_PROJECT = re.compile(
    r"wikt|wiktionary|s|wikisource|q|wikiquote|b|wikibooks|n|wikinews|v|wikiversity|voy|wikivoyage|commons|c|species"
    r"|wikispecies|d|wikidata|m|meta|mw|mediawikiwiki|w|doi|pmid|toollabs|phab|google|arxiv|rfc|isbn|hdl|imdb"
)
# The languages of Wikipedia, which are prefixes of links between wikis.
_LANGUAGE = re.compile(
    r"aa|ab|ace|ady|af|ak|als|am|an|ang|ar|arc|ary|arz|as|ast|atj|av|avk|awa|ay|az|azb|ba|ban|bar|bat-smg|bcl|be"
    r"|be-tarask|be-x-old|bg|bh|bi|bm|bn|bo|bpy|br|bs|bug|bxr|ca|cbk-zam|cdo|ce|ceb|ch|chr|chy|ckb|co|cr|crh|cs|csb|cu"
    r"|cv|cy|da|de|din|diq|dsb|dty|dv|dz|ee|el|eml|en|eo|es|et|eu|ext|fa|ff|fi|fiu-vro|fj|fo|fr|frp|frr|fur|fy|ga|gag"
    r"|gan|gcr|gd|gl|glk|gn|gom|gor|got|gu|gv|ha|hak|haw|he|hi|hif|hr|hsb|ht|hu|hy|ia|id|ie|ig|ik|ilo|inh|io|is|it|iu"
    r"|ja|jam|jbo|jv|ka|kaa|kab|kbd|kbp|kg|ki|kk|kl|km|kn|ko|koi|krc|ks|ksh|ku|kv|kw|ky|la|lad|lb|lbe|lez|lfn|lg|li"
    r"|lij|lmo|ln|lo|lrc|lt|ltg|lv|mai|map-bms|mdf|mg|mhr|mi|min|mk|ml|mn|mr|mrj|ms|mt|mwl|my|myv|mzn|na|nah|nap|nds"
    r"|nds-nl|ne|new|nl|nn|no|nov|nrm|nso|nv|ny|oc|olo|om|or|os|pa|pag|pam|pap|pcd|pdc|pfl|pi|pih|pl|pms|pnb|pnt|ps|pt"
    r"|qu|rm|rmy|rn|ro|roa-rup|roa-tara|ru|rue|rw|sa|sah|sat|sc|scn|sco|sd|se|sg|sh|shn|si|simple|sk|sl|sm|sn|so|sq|sr"
    r"|srn|ss|st|stq|su|sv|sw|szl|ta|tcy|te|tet|tg|th|ti|tk|tl|tn|to|tpi|tr|ts|tt|tum|tw|ty|tyv|udm|ug|uk|ur|uz|ve|vec"
    r"|vep|vi|vls|vo|wa|war|wo|wuu|xal|xh|xmf|yi|yo|za|zea|zh|zh-classical|zh-min-nan|zh-yue|zu"
)
_MONTH = "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_ERA = "(?:[ ](?:AD|CE|BC|BCE))?"
_YEARS = rf"(?:\d{{3,4}}s?|\d{{1,2}}(?:st|nd|rd|th)[ ](?:century|millennium)){_ERA}"
_NO_SUBJECT = re.compile(
    rf"""(?: (?:AD|CE)[ ]\d{{1,4}} | \d{{1,4}}s?{_ERA}(?:[ ]\((?:year|decade)\))? | {_YEARS}(?:[ ]in[ ].+)?
      | (?:Births|Deaths)[ ]in[ ](?:{_MONTH}[ ])?{_YEARS}
      | {_MONTH}(?:[ ]\d{{1,2}},)?(?:[ ]\d{{1,4}})? | \d{{1,2}}[ ]{_MONTH}(?:[ ]\d{{1,4}})?
      | (?:Lists?|Alphabetical[ ]list|Index|Outline|Timeline|Glossary|Bibliography)[ ]of[ ].+ )""",
    re.VERBOSE,
)


@lru_cache(maxsize=65536)
def normalise_title(text: str) -> str:
    """Give the title that a link or a request means: ``_stroke#Causes`` gives ``Stroke``.

    Underscores and blanks run together, entities and percent signs decoded, NFC, first letter upper, fragment cut.
    The empty string where MediaWiki would see no page title: nothing but a fragment, forbidden characters, too long.
    """
    if len(text) > MAX_BYTES * 4:
        return ""
    if "&" in text:
        text = html.unescape(text)
    if "%" in text:
        text = unquote(text)
    text = _INVISIBLE.sub("", unicodedata.normalize("NFC", text)).partition("#")[0]
    text = _BLANK.sub(" ", text).strip().removeprefix(":").strip()
    if not text or _IMPOSSIBLE.search(text) or len(text.encode()) > MAX_BYTES:
        return ""
    first = text[0].upper()
    return first + text[1:] if len(first) == 1 else text


def is_elsewhere(title: str) -> bool:
    """Tell whether a normalised title lies in another namespace or on another wiki."""
    prefix, colon, _ = title.partition(":")
    if not colon:
        return False
    name = prefix.strip().lower().replace(" ", "_")
    return any(known.fullmatch(name) for known in (_NAMESPACE, _PROJECT, _LANGUAGE))


def is_other_language(target: str) -> bool:
    """Tell whether a link's target, as written, only names this page in another language: such a link shows no text."""
    prefix, colon, _ = target.partition(":")
    return bool(colon and _LANGUAGE.fullmatch(prefix.strip().lower()))


def is_subject(title: str) -> bool:
    """Tell whether a title can be a term: dates, years, centuries, lists and other namespaces can't."""
    return bool(title) and not _NO_SUBJECT.fullmatch(title) and not is_elsewhere(title)
