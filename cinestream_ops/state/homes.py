"""
The folder of a site.
"""

from __future__ import annotations

from cinestream_ops.state.items import Directory

NGINX = "www-data"  # whom Debian and Ubuntu have nginx serve as


def home(path: str, user: str) -> Directory:
    """
    Root's own at *path*, so that nobody else decides what stands there under which name.

    The site's *user* may read it, and nginx go through it to what is public below; nobody else.
    """
    return Directory(path, 0o750, "root", user, through=NGINX)
