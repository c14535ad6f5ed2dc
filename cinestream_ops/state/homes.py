"""
The folder of a site.
"""

from __future__ import annotations

import re

from cinestream_ops.state import paths
from cinestream_ops.state.items import Directory

NGINX = "www-data"  # whom Debian and Ubuntu have nginx serve as


def home(path: str, user: str) -> Directory:
    """
    Root's own at *path*, so that nobody else decides what stands there under which name.

    The site's *user* may read it, and nginx go through it to what is public below; nobody else.
    """
    return Directory(path, 0o750, "root", user, through=NGINX)


def moved(text: str, old: str, new: str) -> str:
    """*text*, in which the home of the site *old* is that of *new*, wherever it is named."""
    # A name may go on with what is no end of a path.
    return re.sub(rf"{paths.SITES}/{re.escape(old)}(?![\w.-])", f"{paths.SITES}/{new}", text)
