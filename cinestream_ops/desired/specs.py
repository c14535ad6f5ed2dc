"""
The specs themselves: they live on the server, so that any administrator's machine can manage it.
"""

from __future__ import annotations

from cinestream_ops import __version__
from cinestream_ops.spec import toml
from cinestream_ops.spec.server import Server
from cinestream_ops.spec.site import Site
from cinestream_ops.spec.version import Version
from cinestream_ops.state import paths
from cinestream_ops.state.items import File


def site(site: Site) -> File:
    path = f"{paths.SPECS}/sites/{site.name}.toml"
    return File(path, toml.dump_site(site).encode(), mode=0o600)


def server(server: Server) -> File:
    """With our own version in it, so that another one knows who was here."""
    ours = server.model_copy(update={"cinestream": Version(__version__)})
    return File(f"{paths.SPECS}/server.toml", toml.dump_server(ours).encode(), mode=0o600)
