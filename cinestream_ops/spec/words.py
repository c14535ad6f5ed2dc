"""
The shape of a word with a rule, and how pydantic comes to know it.

A word never changes once made, and nobody downstairs checks it again.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Self

from pydantic_core import CoreSchema, core_schema


class NotAllowed(ValueError):
    """
    A word broke its rule.

    The message finishes the sentence "`word` …", or is a sentence of its own when the word is not
    to be *shown*.
    """

    def __init__(self, what: str, hint: str = "", *, shown: bool = True) -> None:
        super().__init__(what)
        self.hint, self.shown = hint, shown


class Word(str):
    """Text that satisfies `rule`, or was never made."""

    __slots__ = ()

    rule: ClassVar[re.Pattern[str]]
    refusal: ClassVar[str]
    hint: ClassVar[str]
    shown: ClassVar[bool] = True

    def __new__(cls, text: str) -> Self:
        word = cls.spelled(text)
        if not cls.rule.fullmatch(word):
            raise NotAllowed(cls.refusal, cls.hint, shown=cls.shown)
        return super().__new__(cls, word)

    @classmethod
    def spelled(cls, text: str) -> str:
        """*text* as the rule wants to see it; raises NotAllowed where there is more to say."""
        return text

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> CoreSchema:
        text = core_schema.str_schema(strict=True)
        return core_schema.no_info_after_validator_function(cls, text)
