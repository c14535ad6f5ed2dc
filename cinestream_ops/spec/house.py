"""
The whole of what an owner asked for: the server and its sites, and the rules between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from cinestream_ops.errors import BadSpec, Fault
from cinestream_ops.spec.server import Server
from cinestream_ops.spec.site import Site
from cinestream_ops.state import paths


@dataclass(frozen=True)
class House:
    """A server, and its sites by name."""

    server: Server | None = None
    sites: Mapping[str, Site] = field(default_factory=dict)

    def with_site(self, site: Site) -> House:
        """The house with *site* in it, old or new; raises BadSpec where two sites clash."""
        # The newcomer comes last, so that faults are told as its own.
        others = self.without_site(site.name).sites
        house = sound(replace(self, sites={**others, site.name: site}))
        return replace(house, sites=dict(sorted(house.sites.items())))

    def without_site(self, name: str) -> House:
        return replace(self, sites={key: site for key, site in self.sites.items() if key != name})

    def with_server(self, server: Server) -> House:
        return replace(self, server=server)


def sound(house: House) -> House:
    """*house*, if no two sites in it clash; raises BadSpec."""
    found = tuple(clashes(house))
    if found:
        raise BadSpec(found)
    return house


def clashes(house: House) -> Iterator[Fault]:
    """Every fault between sites."""
    yield from shared_ports(house)
    yield from shared_names(house)
    yield from shared_databases(house)
    yield from shared_domains(house)


def shared_ports(house: House) -> Iterator[Fault]:
    ordered = sorted(house.sites.values(), key=lambda site: site.port)
    furthest = None
    for other in ordered:
        # Whose block reaches furthest so far need not be the neighbour.
        if furthest and other.port < furthest.block.stop:
            yield overlap(furthest, other)
        if not furthest or other.block.stop > furthest.block.stop:
            furthest = other


def overlap(one: Site, other: Site) -> Fault:
    return Fault(
        f"sites/{other.name}/port",
        f"ports {span(other.block)} overlap those of `{one.name}`, {span(one.block)}",
        f"choose {one.block.stop} or above, or a smaller `reserve`",
    )


def shared_names(house: House) -> Iterator[Fault]:
    owners: dict[str, str] = {}
    for name in house.sites:
        host = paths.local_host(name)
        if host in owners:
            yield Fault(
                f"sites/{name}",
                f"`{name}` and `{owners[host]}` would both be `{host}` on the server",
                "choose a name that differs in more than `-` and `_`",
            )
        owners.setdefault(host, name)


def shared_databases(house: House) -> Iterator[Fault]:
    owners: dict[str, str] = {}
    for name, site in house.sites.items():
        database = site.database_name
        if database and database in owners:
            yield Fault(
                f"sites/{name}",
                f"the MongoDB database `{database}` is that of `{owners[database]}` already",
                "choose another name: a database belongs to one site",
            )
        owners.setdefault(database, name)


def shared_domains(house: House) -> Iterator[Fault]:
    owners: dict[str, str] = {}
    for site in house.sites.values():
        for index, domain in enumerate(site.domains):
            for name in domain.names:
                if name in owners:
                    yield Fault(
                        f"sites/{site.name}/domains/{index}",
                        f"`{name}` leads to `{owners[name]}` already",
                        "a domain belongs to one site, once",
                    )
                owners.setdefault(name, site.name)


def span(block: range) -> str:
    return f"{block.start}-{block.stop - 1}"
