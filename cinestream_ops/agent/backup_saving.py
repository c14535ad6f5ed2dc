"""
What a site has that cannot be had again, told in pieces while it runs.

What belongs to the site is read as its user: a link that it lays leads no further than itself.
"""

from __future__ import annotations

import os
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any, Dict, List, Sequence

from cinestream_ops.agent import backup_child, backup_database, env
from cinestream_ops.agent.backup_child import PIECE
from cinestream_ops.agent.erase import weight
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.trees import MARKER

CHANGED = 1  # tar(1): some files changed while they were read
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
    home = order["home"]
    told.all(ENV, env.text(f"{home}/.env").encode(errors="surrogateescape"))
    user = order["user"]
    if Path(home, "src").is_dir():
        # As it is now: a release that comes meanwhile must not be mixed into it.
        source = os.path.realpath(f"{home}/src")
        read([sys.executable, "-I", "-S", "-c", TREE, source, MARKER], user, SOURCE, told)
        read(["cat", f"{home}/venv/{REQUIREMENTS}"], user, REQUIREMENTS, told)
    changed = data(f"{home}/data", user, told)
    database = order["database"]
    if not database:
        return {"data_changed": changed}

    def took(name: str, piece: bytes) -> None:
        told.all(f"database/{database}/{name}", piece)

    answer = backup_database.told(kit, took, do="dump", database=database)
    return {"data_changed": changed, **answer}


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


def data(folder: str, user: str, told: Told) -> bool:
    """Whether some of it changed while it was read."""
    argv = ["tar", "--create", "--file=-", "--sort=name", f"--directory={folder}", "."]
    return read(argv, user, DATA, told, (0, CHANGED)) == CHANGED


def read(argv: List[str], user: str, to: str, told: Told, good: Sequence[int] = (0,)) -> int:
    """The code of *argv*, after all that it wrote was told as the part *to*."""
    told.all(to, b"")
    with Path(os.devnull).open("rb") as nothing, backup_child.started(argv, nothing, user) as child:
        for piece in child.pieces(told.kit.stops):
            told.all(to, piece)
        return child.end(good)
