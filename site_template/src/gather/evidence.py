"""
What was read on the web: the pages as they were fetched, and what literally stands in them.

It is made by code from the results of web fetch, never from what the model says about them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from anthropic.types import Message

from gather import addresses

SAME = str.maketrans(
    dict.fromkeys("’ʼ`´‘", "'") | dict.fromkeys("«»“”„", '"') | {"–": "-", "—": "-"}
)


@dataclass(frozen=True)
class Page:
    url: str
    title: str
    text: str

    @cached_property
    def plain(self) -> str:
        return plain(f"{self.title}\n{self.text}")

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    def has(self, words: str) -> bool:
        """Whether *words* stand in it, whatever its case and white space, as whole words."""
        wanted = plain(words)
        return bool(wanted) and bool(re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", self.plain))

    def has_link(self, link: str) -> bool:
        """Whether *link* stands in it to the letter, and not as the start of a longer one."""
        return bool(re.search(rf"(?<![\w/%.:-]){re.escape(link)}(?![\w/%?=&#-])", self.text))


def plain(text: str) -> str:
    """For comparing: one case, one kind of white space, of quotes and of dashes."""
    folded = unicodedata.normalize("NFKC", text).translate(SAME).casefold()
    return " ".join(folded.split())


def pages_of(answers: Iterable[Message], most: int) -> list[Page]:
    """
    The pages that *answers* fetched, each once, cut to *most* characters.

    A PDF comes as bytes that cannot be quoted from: it is no evidence.
    """
    found: dict[str, Page] = {}
    for answer in answers:
        for block in answer.content:
            page = _page(block, most)
            if page is not None:
                found[page.url] = page
    return list(found.values())


def _page(block: Any, most: int) -> Page | None:
    if block.type != "web_fetch_tool_result" or block.content.type != "web_fetch_result":
        return None
    document = block.content.content
    if document.source.type != "text" or not document.source.data.strip():
        return None
    try:
        addresses.host_of(block.content.url)
    except addresses.BadLink:
        return None
    return Page(block.content.url, document.title or "", document.source.data[:most])
