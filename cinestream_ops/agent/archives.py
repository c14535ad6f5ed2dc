"""
Archives from elsewhere, unpacked only when their digest is the one that was asked for.

Nothing of another archive is ever left on the disk.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from cinestream_ops.agent import trees
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state.items import Archive
from cinestream_ops.state.steps import REMOVE, Step

CHUNK = 256 << 10
MIB = 1 << 20


def do(step: Step, kit: Kit) -> None:
    item = step.item
    assert isinstance(item, Archive)
    if step.verb == REMOVE:
        trees.remove(Path(item.path))
        return
    from cinestream_ops.agent import tars  # it is slow to import, and a look does not need it

    with packed(item, kit) as archive, trees.draft(Path(item.path), item.mark) as partial:
        for size in tars.unpack(archive, partial, strip=1):
            kit.progress(item.key, f"unpacking, {size // MIB} MiB", size, 0)


@contextmanager
def packed(item: Archive, kit: Kit) -> Iterator[Path]:
    """The archive as a file, its digest compared; a download is gone afterwards."""
    if not item.url:
        path = kit.blob_path(item.sha256)
        refuse_other(item, digest(path))
        yield path
        return
    from cinestream_ops.agent import downloads

    path = Path(kit.home, "incoming", item.sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        refuse_other(item, downloads.download(item, path, kit))
        yield path
    finally:
        if path.exists():
            path.unlink()


def refuse_other(item: Archive, found: str) -> None:
    if found != item.sha256:
        source = item.url or "the uploaded archive"
        raise Refused(
            f"`{source}` is not the archive that was asked for: its SHA-256 is `{found}`, "
            f"expected `{item.sha256}`",
            "compare both with what the publisher names; nothing of it was kept",
        )


def digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as content:
        for chunk in iter(lambda: content.read(CHUNK), b""):
            found.update(chunk)
    return found.hexdigest()
