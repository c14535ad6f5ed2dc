"""
The text of a `.env`, in what systemd's `EnvironmentFile=` and python-dotenv read alike.

Pure: it may touch no file.  Sources: systemd.exec(5), and python-dotenv's parser.
"""

from __future__ import annotations

import re
from typing import Dict, Mapping

from cinestream_ops.agent.refused import Refused

PLAIN = re.compile(r"[\w./:@%+,=-]*", re.ASCII)
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# A key, then a quoted value (which may span lines) or the rest of the line.
ENTRY = re.compile(
    r"""^[^\S\n]*(?:export[^\S\n]+)?(?P<key>[A-Za-z_][A-Za-z0-9_]*)[^\S\n]*=[^\S\n]*
    (?:"(?P<double>(?:\\.|[^"\\])*)"|'(?P<single>[^']*)'|(?P<bare>[^\n]*))[^\n]*$""",
    re.MULTILINE | re.VERBOSE | re.DOTALL,
)


def entry(key: str, value: str) -> str:
    """One line; `Refused` for what the two readers would read differently."""
    if CONTROL.search(value) or "${" in value:
        what = "`${`" if "${" in value else "a line break or a control character"
        raise Refused(
            f"the value of `{key}` holds {what}, which systemd and Python read differently",
            "encode the value (base64, for one), and decode it where it is used",
        )
    if PLAIN.fullmatch(value):
        return f"{key}={value}"
    if "'" in value or "\\" in value:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'{key}="{escaped}"'
    return f"{key}='{value}'"


def dump(values: Mapping[str, str]) -> str:
    return "".join(f"{entry(key, value)}\n" for key, value in values.items())


def entries(text: str) -> Dict[str, str]:
    """Each key's own text, to be kept as it was written."""
    return {found["key"]: found[0].strip() for found in ENTRY.finditer(text)}


def parse(text: str) -> Dict[str, str]:
    return {found["key"]: value(found) for found in ENTRY.finditer(text)}


def value(found: "re.Match[str]") -> str:
    if found["double"] is not None:
        return re.sub(r"\\(.)", r"\1", found["double"], flags=re.DOTALL)
    if found["single"] is not None:
        return found["single"]
    return re.sub(r"(^|\s+)#.*", "", found["bare"]).strip()
