"""
The owner's `.env` files, read as python-dotenv reads them, without its interpolation.
"""

from __future__ import annotations

import re

from cinestream_ops.errors import BadSpec, Fault

LINE = re.compile(r"(?:export\s+)?(?P<key>[A-Za-z_]\w*)\s*=\s*(?P<value>.*)", re.ASCII)
QUOTED = re.compile(r"""(?P<quote>['"])(?P<inside>.*)(?P=quote)\s*(?:#.*)?""")
COMMENT = re.compile(r"(^|\s)#.*")
HINT = "each line is `KEY=VALUE`, a comment or empty"


def values(text: str, where: str) -> dict[str, str]:
    """The variables in *text*; raises `BadSpec` with every line that is none."""
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    told = [(number, line) for number, line in lines if line and not line.startswith("#")]
    bad = [number for number, line in told if not LINE.fullmatch(line)]
    if bad:
        raise BadSpec([Fault(f"{where}:{each}", "is not a variable", HINT) for each in bad])
    found = [match for _, line in told if (match := LINE.fullmatch(line))]
    return {match["key"]: value(match["value"]) for match in found}


def value(text: str) -> str:
    if quoted := QUOTED.fullmatch(text):
        inside = quoted["inside"]
        return unescaped(inside) if quoted["quote"] == '"' else inside
    return COMMENT.sub("", text).strip()


def unescaped(text: str) -> str:
    return re.sub(r'\\(["\\$`])', r"\1", text)
