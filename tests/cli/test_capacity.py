from cinestream_ops.cli import capacity
from cinestream_ops.spec import toml
from cinestream_ops.spec.house import House
from cinestream_ops.state.facts import Machine

GIB = 1 << 30
HOUSE = House(
    sites={
        "blog": toml.site("blog", {"port": 8001, "workers": 4, "memory": 128}),
        "movies": toml.site("movies", {"port": 8101, "workers": 24}),
    }
)


def test_sites_that_fit_are_no_news():
    assert "" == capacity.shortage(HOUSE, Machine(memory=2 * GIB))


def test_a_machine_whose_memory_is_unknown_is_no_news():
    assert "" == capacity.shortage(HOUSE, Machine())


def test_a_shortage_is_told_with_its_numbers():
    expected = (
        "workers may need 2048 MiB, and the server has 1024 MiB "
        "(`movies` 24 x 64 MiB, `blog` 4 x 128 MiB)"
    )

    assert expected == capacity.shortage(HOUSE, Machine(memory=GIB))


def test_of_very_many_sites_the_largest_are_named():
    sites = {
        f"s{n}": toml.site(f"s{n}", {"port": 8001 + 40 * n, "workers": n}) for n in range(1, 30)
    }

    said = capacity.shortage(House(sites=sites), Machine(memory=GIB))

    assert said.endswith("`s22` 22 x 64 MiB, and 21 more sites)")
