"""
Where things are on a server.
"""

SPECS = "/etc/cinestream"
HOME = "/var/lib/cinestream"
LIBRARY = "/usr/lib/cinestream"
SITES = "/var/www"
UNITS = "/etc/systemd/system"
PROGRAMS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NGINX = "/etc/nginx"
NGINX_DEFAULT = f"{NGINX}/sites-enabled/default"  # the distribution's own site
MONGODB = "/opt/mongodb"
# Outside HOME, which is closed to all but root: nginx answers ACME challenges from here.
WEBROOT = "/var/lib/cinestream-acme"
BUILDS = "/var/cache/cinestream"
BUILDER = "cinestream-build"  # the account that builds there

AGENT = f"{LIBRARY}/agent"
FIREWALL = f"{LIBRARY}/firewall"
RUNNER = f"{LIBRARY}/runner"  # a link to the one of `runners` that is in use
# A file, though Python also runs a folder: what finds the program in it is a third of a bare start.
WORKER = f"{RUNNER}/cinestream_worker/__main__.py"
TOOLS = f"{LIBRARY}/venv"
MONGODB_ENV = f"{SPECS}/mongodb.env"


def slice_of(site: str) -> str:
    """The slice that all of *site* runs in."""
    # A dash in a slice's name makes it part of another slice: `a-b` would count against `a`.  No
    # site has a dot in its name.
    return f"cinestream-{site.replace('-', '.')}.slice"


def local_host(site: str) -> str:
    """The name at which the server itself reaches *site*; RFC 952 knows no underscore."""
    return f"{site.replace('_', '-')}.localhost"
