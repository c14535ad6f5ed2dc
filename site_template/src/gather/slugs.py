"""
Words for addresses and identities, from names in Ukrainian, Russian or Latin letters.

The same name always gives the same word: Ukrainian letters by the resolution No. 55 of the
Cabinet of Ministers (2010), without its rule for the start of a word.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

LONGEST = 80
LETTERS = {
    **dict(zip("абвгґдезиіклмнопрстуфыэ", "abvhgdezyiklmnoprstufye", strict=True)),
    "є": "ie",
    "ж": "zh",
    "ї": "i",
    "й": "i",
    "х": "kh",
    "ц": "ts",
    "ч": "ch",
    "ш": "sh",
    "щ": "shch",
    "ь": "",
    "ю": "iu",
    "я": "ia",
    "ё": "io",
    "ъ": "",
    **dict.fromkeys("'’ʼ`´", ""),
}
TABLE = str.maketrans(LETTERS)


def slug(name: str) -> str:
    """Of lower-case letters, digits and `-`; a name in other letters gives a digest."""
    latin = unicodedata.normalize("NFC", name).lower().translate(TABLE)
    plain = unicodedata.normalize("NFKD", latin).encode("ascii", "ignore").decode()
    word = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST].rstrip("-")
    return word or hashlib.sha256(name.encode()).hexdigest()[:16]
