"""
A release that was unpacked on a server is packed as it came.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from cinestream_ops.agent import backup_saving, tars, trees
from cinestream_ops.engine.selection import selection
from cinestream_ops.engine.trees import pack

SOURCE = {
    "app.py": "app = print\n",
    "pkg/__init__.py": "",
    "pkg/Київ.html": "<p>",
    "static/a.css": "p {color: red}\n" * 200,
    "run.sh": "ls\n",
    "deep/" * 30 + "file.txt": "a path of more than a hundred characters",
}


def test_it_has_the_digest_of_the_source(tmp_path: Path):
    source, release, archive = (tmp_path / name for name in ("source", "release", "came.tar"))
    for name, text in SOURCE.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    (source / "run.sh").chmod(0o700)
    with archive.open("w+b") as out:
        pack(source, selection(source).files, out, static="static")
    release.mkdir()
    list(tars.unpack(archive, release))
    # What is made of it on the server.
    trees.set_mark(release, {"blob": "0"})
    (release / "pkg/__pycache__").mkdir()
    (release / "pkg/__pycache__/x.pyc").write_bytes(b"code")

    argv = [sys.executable, "-I", "-S", "-c", backup_saving.TREE, str(release), trees.MARKER]
    packed = subprocess.run(argv, capture_output=True, check=True).stdout

    assert archive.read_bytes() == packed
