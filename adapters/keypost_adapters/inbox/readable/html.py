"""HTML → text, within bounds.

Each bound was measured on hostile mail: a table as a grid pads every row to
its widest cell (6 GB of spaces for 400 KB), style properties indent by as much
as they ask for, and ``nh3`` takes 14 seconds for 100,000 nested ``div``. What
comes out is text, so there is nothing to sanitise; the tree is simplified
until inscriptis has no layout left to be talked into.
"""

import re
from html import unescape

from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.html_engine import Inscriptis
from inscriptis.model.config import ParserConfig
from lxml import etree  # no stubs; used only here
from lxml.html import HTMLParser, document_fromstring

from keypost_adapters.inbox.readable.defects import Defects

HTML_CHARACTERS = 256 * 1024
LINK_CHARACTERS = 2000
LIST_DEPTH = 10

_LINKS = ("http:", "https:", "mailto:", "tel:")
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_GAP = re.compile(r"\n{3,}")
_TAG = re.compile(r"<[^<>]*>")
# The relaxed profile indents each div, and mail is laid out in nested ones.
_STRICT = CSS_PROFILES["strict"]
_XML_DECLARATION = re.compile(r"\s*<\?xml [^>]*>")
_NOT_XML = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(0xD800, 0xE000)), " ")
_CELLS = ("td", "th")
_PLAINER = {
    **dict.fromkeys(("table", "tbody", "thead", "tfoot", "tr"), "div"),
    **dict.fromkeys(_CELLS, "span"),
}
_LISTS = ("ul", "ol", "blockquote", "dd")


def html_text(html: str, defects: Defects, *, room: int = HTML_CHARACTERS) -> str:
    """Return what a reader of the HTML sees, with link targets as ``[text](target)``.

    Only the first ``room`` characters are looked at.
    """
    if len(html) > room:
        defects.note("html_truncated")
    html = html[:room].translate(_NOT_XML).strip()
    if not html:
        return ""
    try:
        return _compact(_laid_out(html))
    except (etree.LxmlError, RecursionError, ValueError, TypeError, AssertionError, LookupError):
        defects.note("html_broken")
        return _compact(_stripped(html))


def _laid_out(html: str) -> str:
    # Without huge_tree libxml2 stops at 256 levels; inscriptis recurses that deep.
    parser = HTMLParser(remove_comments=True, remove_pis=True, huge_tree=False)
    tree = document_fromstring(_XML_DECLARATION.sub("", html, count=1), parser=parser)
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        raise ValueError("what is nested deeper was dropped")
    _simplify(tree)
    text: str = Inscriptis(tree, ParserConfig(css=_STRICT, display_links=True)).get_text()
    return text


def _simplify(tree: etree.ElementBase) -> None:
    for element in tree.iter(etree.Element):
        style = element.attrib.pop("style", "")
        if _HIDDEN.search(style):
            element.set("style", "display:none")
        if element.tag in _CELLS:
            element.tail = " " + (element.tail or "")
        if not _is_link(element.get("href", "")):
            element.attrib.pop("href", None)
        element.tag = _PLAINER.get(element.tag, element.tag)
    for element in _deep_lists(tree):
        element.tag = "div"


def _is_link(target: str) -> bool:
    return len(target) <= LINK_CHARACTERS and target.lower().startswith(_LINKS)


def _deep_lists(tree: etree.ElementBase) -> list[etree.ElementBase]:
    """Return the indenting elements below LIST_DEPTH others: each line repeats their indent."""
    found, depth = [], 0
    for event, element in etree.iterwalk(tree, events=("start", "end"), tag=_LISTS):
        depth += 1 if event == "start" else -1
        if event == "start" and depth > LIST_DEPTH:
            found.append(element)
    return found


def _stripped(html: str) -> str:
    return unescape(_TAG.sub(" ", html))


def _compact(text: str) -> str:
    lines = (line.rstrip() for line in text.split("\n"))
    return _GAP.sub("\n\n", "\n".join(lines)).strip("\n")
