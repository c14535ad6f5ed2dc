"""
What a build may be asked for, and whom it may ask for names.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from cinestream_ops.agent import builds, venvs
from cinestream_ops.agent.refused import Failed, Refused


@pytest.mark.parametrize(
    "line",
    [
        "--no-binary evil",
        "  --no-binary=evil",
        "\ufeff--no-binary evil",
        "bottle\r--no-binary evil",
        "bottle \\\n--no-binary evil",
        "\u00a0\u2003--no-binary evil",
        "\x0c--no-binary evil",
        "--no-\\\nbinary evil",
        "--only-binary bottle",
        "-r https://example.com/more.txt",
        "-rmore.txt",
        "--requirement more.txt",
        "-c more.txt",
        "-e .",
        "--config-settings x",
    ],
)
def test_requirements_that_could_say_whose_code_is_run_are_refused(line: str):
    with pytest.raises(Refused, match="has no place in the requirements"):
        venvs.refuse_options(f"bottle\n{line}\n")


def test_packages_hashes_and_indexes_have_their_place():
    venvs.refuse_options(
        "# via -r requirements.in\n"
        "--index-url=https://example.com/simple\n-f /srv/wheels\n"
        "bottle==0.13.4 \\\n    --hash=sha256:abc \\\n    --hash=sha256:def\n    # via -r more.in\n"
    )


@pytest.mark.parametrize(
    "said",
    [
        "error: No solution found\nhint: Wheels are required for `evil` because building from source",
        "error: Building source distributions is disabled, but attempted to build `evil`",
    ],
)
def test_a_package_without_a_wheel_is_told_by_its_name_with_the_way_out(said: str):
    with pytest.raises(Refused) as refused, venvs.refusing():
        raise Failed(["uv"], 1, said)

    assert refused.value.why.startswith("`evil` comes as source")
    assert "`--allow-source evil`" in refused.value.hint


def test_name_servers_are_asked_but_for_one_that_tells_secrets(tmp_path: Path):
    path = tmp_path / "resolv.conf"
    path.write_text(
        "# one\nnameserver 127.0.0.53\nnameserver\t::1\nnameserver 169.254.169.254\n"
        "nameserver fd00:ec2::254\nnameserver fe80::1%eth0\nnameserver any\nnameserver\nsearch a\n"
    )

    assert ["127.0.0.53", "::1", "fe80::1"] == builds.resolvers(path)
    assert [] == builds.resolvers(tmp_path / "none")
