"""
Where the things of one site are on a server.
"""

from __future__ import annotations

from cinestream_ops.spec.site import Site
from cinestream_ops.state import paths

# Enough of a digest to tell releases apart, and short enough to read in a path.
SHORT = 16


def home(site: Site) -> str:
    return f"{paths.SITES}/{site.name}"


def env(site: Site) -> str:
    return f"{home(site)}/.env"


def data(site: Site) -> str:
    return f"{home(site)}/data"


def release(site: Site) -> str:
    return f"{home(site)}/releases/{site.release[:SHORT]}"


def venv(site: Site) -> str:
    return f"{home(site)}/venvs/{site.requirements[:SHORT]}"


def unit(name: str) -> str:
    return f"{paths.UNITS}/{name}"


def nginx(name: str) -> str:
    return f"{paths.NGINX}/{name}"


def domains(site: Site) -> str:
    """The folder with a file for each of the site's domains."""
    return nginx(f"cinestream/{site.name}")


def page(site: Site) -> str:
    """
    What visitors read while the site is away.

    Not in the folder of its domains: nginx, which looks at it for each visitor, has it from before
    it is told to until after it is told otherwise.
    """
    return nginx(f"cinestream/{site.name}.html")


def rules(site: Site) -> str:
    return f"{paths.SPECS}/nft/{site.name}.nft"
