"""
What a site has that cannot be had again, told in pieces while it runs.

What belongs to the site is read in a unit that sees nothing else: a link leads no further.
"""

from __future__ import annotations

import os
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any, Dict, List

from cinestream_ops.agent import backup_data, backup_database, backup_elsewhere, env, sandbox
from cinestream_ops.agent.backup_child import PIECE, Child
from cinestream_ops.agent.backup_data import reader
from cinestream_ops.agent.erase import weight
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.agent.trees import MARKER

ENV, SOURCE, REQUIREMENTS, DATA = ".env", "source.tar", "requirements.txt", "data.tar"

# The release as it came, packed as it was: the same tree has the same digest.  What was made of it
# on the server is left out.
TREE = r"""
import os, sys, tarfile
from pathlib import Path
root, marker = Path(sys.argv[1]), sys.argv[2]

def files(top):
    left = [top]
    while left:
        path = left.pop()
        if path.is_dir() and not path.is_symlink():
            if path.name != "__pycache__": left += sorted(path.iterdir(), reverse=True)
        elif path.is_file() and path.name != marker:
            yield path

out = sys.stdout.buffer
with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as archive:
    for path in files(root):
        info = tarfile.TarInfo(path.relative_to(root).as_posix())
        info.size = path.stat().st_size
        info.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
        with path.open("rb") as content:
            archive.addfile(info, content)
"""


def measured(order: Dict[str, Any], kit: Kit) -> Dict[str, Any]:
    """About how many bytes `saved` would tell."""
    home = order["home"]
    sizes = [weight(f"{home}/src/"), weight(f"{home}/data")]
    if order["database"]:
        told = backup_database.told(kit, do="measure", database=order["database"])
        sizes.append(told["size"])
    return {"size": sum(sizes)}


def saved(order: Dict[str, Any], kit: Kit) -> Dict[str, Any]:
    """All parts, in pieces; and what there is to say about them."""
    told = Told(kit)
    home, user = order["home"], order["user"]
    variables = env.text(f"{home}/.env")
    told.all(ENV, variables.encode(errors="surrogateescape"))
    if Path(home, "src").is_dir():
        properties = sandbox.of_source(home, user)
        with reader("source", user, packing(source(home)), properties) as child:
            tell(child, SOURCE, told)
        listed = ["cat", f"{home}/venv/{REQUIREMENTS}"]
        with reader("requirements", user, listed, properties) as child:
            tell(child, REQUIREMENTS, told)
    with backup_data.packed(home, user, kit) as child:
        tell(child, DATA, told)
    database = order["database"]
    missing = backup_elsewhere.stores(variables, database)
    if not database:
        return {"missing": missing}

    def took(name: str, piece: bytes) -> None:
        told.all(f"database/{database}/{name}", piece)

    answer = backup_database.told(kit, took, do="dump", database=database)
    return {**answer, "missing": missing}


class Told:
    """Tells the other side of the bytes of each part."""

    def __init__(self, kit: Kit) -> None:
        self.kit = kit

    def all(self, to: str, content: bytes) -> None:
        # Also of an empty part, that there is one.
        for start in range(0, max(len(content), 1), PIECE):
            with self.kit.stops.allowed():
                pass
            piece = content[start : start + PIECE]
            self.kit.tell("output", to=to, data=b64encode(piece).decode())


def source(home: str) -> str:
    """The release as it is now: one that comes meanwhile must not be mixed into it."""
    found = os.path.realpath(f"{home}/src")
    if not found.startswith(f"{home}/releases/"):
        raise Refused(f"`{home}/src` leads to no release of the site, but to `{found}`")
    return found


def packing(release: str) -> List[str]:
    return [sys.executable, "-I", "-S", "-c", TREE, release, MARKER]


def tell(child: Child, to: str, told: Told) -> None:
    """All that *child* writes, as the part *to*."""
    told.all(to, b"")
    for piece in child.pieces(told.kit.stops):
        told.all(to, piece)
    backup_data.ended(child)
