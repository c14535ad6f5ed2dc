"""
One release after another, as an owner deploys them: each goes live whole, or nobody notices it.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.owner.conftest import SITES, Standing
from tests.owner.visitors import Visitors

PROGRAM = """
import os
import bottle

application = bottle.Bottle()
{start}

@application.get("/")
def index():
    {answer}
"""
HOME = "/var/www/shop"


@dataclass(frozen=True)
class Shop:
    """The site `shop`, and the folder on its owner's machine that it is deployed from."""

    standing: Standing
    source: Path

    def says(self, answer: str, *, start: str = "") -> None:
        text = PROGRAM.format(answer=answer, start=start)
        (self.source / "shop.py").write_text(text)

    def deploy(self, options: str = "") -> None:
        self.standing.owner.types(f"deploy shop --source {self.source} {options} --yes")

    def refused(self, options: str = "") -> str:
        """What the owner is told of a deploy that is sent back."""
        said = self.standing.owner.tries(f"deploy shop --source {self.source} {options} --yes")
        assert 1 == said.code
        assert 0 == self.standing.owner.tries("plan --exit-code").code
        return said.err

    @property
    def page(self) -> tuple[int, str]:
        return self.standing.host.get("shop.localhost")

    @property
    def releases(self) -> list[str]:
        rows = self.standing.owner.types("releases shop --json").data
        return [row["id"] for row in rows]

    @property
    def on_disk(self) -> set[str]:
        return set(self.standing.host.runs("ls", f"{HOME}/releases").split())

    @property
    def workers(self) -> dict[int, int]:
        return self.standing.host.workers("shop")


@pytest.fixture
def shop(rough: Standing, tmp_path: Path) -> Iterator[Shop]:
    """A first release that says `one`; what was there before comes back after the test."""
    source = tmp_path / "shop"
    shutil.copytree(SITES / "bottle_site", source)
    site = Shop(rough, source)
    site.says("return 'one'")
    site.deploy("--keep 5")
    yield site
    rough.owner.types("edit-site shop --pre '' --post '' --keep 5 --yes")
    rough.owner.types(f"deploy shop --source {SITES / 'bottle_site'} --yes")


def test_a_release_goes_live_and_back_without_a_request_lost(shop: Shop):
    shop.says("return 'two'")
    with Visitors(shop.standing.host, "shop.localhost") as visitors:
        shop.deploy()
        there = shop.page
        shop.standing.owner.types("rollback shop --yes")

    assert (200, "two") == there
    assert (200, "one") == shop.page
    assert {200} == visitors.statuses.keys()
    assert 0 == shop.standing.owner.tries("plan --exit-code").code


def test_the_same_code_again_is_nothing_to_do(shop: Shop):
    before = shop.workers

    said = shop.standing.owner.types(f"deploy shop --source {shop.source} --yes")

    assert "Nothing to do" in said.err
    assert before == shop.workers


def test_a_release_can_be_named_and_an_unknown_one_is_told(shop: Shop):
    first = shop.releases[0]
    for word in ("two", "three"):
        shop.says(f"return '{word}'")
        shop.deploy()

    unknown = shop.standing.owner.tries("rollback shop --to ffff --yes")
    shop.standing.owner.types(f"rollback shop --to {first} --yes")

    assert 1 == unknown.code
    assert "no earlier release `ffff`" in unknown.err
    assert (200, "one") == shop.page


def test_as_many_releases_stay_as_the_owner_keeps(shop: Shop):
    for word in ("two", "three", "four"):
        shop.says(f"return '{word}'")
        shop.deploy("--keep 2")

    assert 3 == len(shop.releases)
    assert set(shop.releases) == shop.on_disk
    assert 0 == shop.standing.owner.tries("plan --exit-code").code


@pytest.mark.parametrize(
    ("start", "answer", "told"),
    [
        ("raise RuntimeError('no luck')", "return ''", "no luck"),
        ("", "raise RuntimeError('out of tea')", "answers `/` with 500"),
        ("import time; time.time() and os._exit(3)", "return ''", "failed"),
    ],
    ids=["it raises", "its first page fails", "it exits"],
)
def test_a_release_that_does_not_work_touches_no_worker(
    shop: Shop, start: str, answer: str, told: str
):
    before, releases = shop.workers, shop.releases
    shop.says(answer, start=start)

    err = shop.refused()

    assert told in err
    assert before == shop.workers
    assert releases == shop.releases
    assert (200, "one") == shop.page


def test_the_first_batch_that_fails_sends_back_those_before_it(shop: Shop):
    # The check, the trial and the first worker are let start; the second worker is not.
    shop.says(
        "return 'two'",
        start="with open('data/starts', 'a') as log:\n    log.write('x')\n"
        "if os.path.getsize('data/starts') > 3:\n    raise RuntimeError('one too many')",
    )
    shop.standing.host.runs("rm", "-f", f"{HOME}/data/starts")
    with Visitors(shop.standing.host, "shop.localhost") as visitors:
        err = shop.refused("--batch 34%")

    assert "one too many" in err
    assert (200, "one") == shop.page
    assert {200} == visitors.statuses.keys()
    assert 3 == len(shop.workers)


def test_hooks_run_before_and_after_and_are_heard(shop: Shop):
    shop.says("return 'two'")
    (shop.source / "hook.py").write_text(
        "import sys, pathlib\n"
        "pathlib.Path('data/hooks').open('a').write(sys.argv[1] + ' ')\n"
        "print('heard', *sys.argv[1:])\n"
    )
    shop.standing.host.runs("rm", "-f", f"{HOME}/data/hooks")

    said = shop.standing.owner.types(
        f"deploy shop --source {shop.source} --pre 'hook.py first' --post 'hook.py last $HOME' --yes"
    )

    assert said.err.index("heard first") < said.err.index("heard last $HOME")
    assert "first last " == shop.standing.host.runs("cat", f"{HOME}/data/hooks") + " "


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("raise SystemExit('table is locked')", "ended with 1"),
        ("import time; time.sleep(60)", "1 s"),
    ],
    ids=["fails", "hangs"],
)
@pytest.mark.parametrize("moment", ["pre", "post"])
def test_a_hook_that_does_not_go_well_leaves_the_site_as_it_was(
    shop: Shop, moment: str, body: str, told: str
):
    shop.says("return 'two'")
    (shop.source / "hook.py").write_text(body)
    specs = "/etc/cinestream/sites/shop.toml"
    spec = shop.standing.host.runs("cat", specs)
    seconds = 1 if told == "1 s" else 60
    hooks = f"\n[hooks]\n{moment} = 'hook.py'\ntimeout = {seconds}\n"
    shop.standing.owner.types("apply shop -f - --yes", told=as_file(spec + hooks))

    err = shop.refused()

    assert told in err
    assert f"the {moment} hook `hook.py` of `shop`" in err
    assert (200, "one") == shop.page
    assert "0 loaded" in shop.standing.host.sh("systemctl list-units --all 'cinestream-hook*'")


def as_file(spec: str) -> str:
    """The spec of `shop`, as `apply -f` takes it."""
    head, *tables = spec.split("\n[")
    inner = "".join(f"\n[{name(table)}" for table in tables)
    return f"[sites.shop]\n{head}\n{inner}\n"


def name(table: str) -> str:
    return f"[sites.shop.{table[1:]}" if table.startswith("[") else f"sites.shop.{table}"


def test_a_branch_a_tag_and_a_commit_can_be_deployed(shop: Shop):
    def git(*words: str) -> str:
        argv = ["git", "-C", str(shop.source), "-c", "user.name=a", "-c", "user.email=a@b", *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q", "-b", "main")
    for word in ("two", "three"):
        shop.says(f"return '{word}'")
        git("add", "-A")
        git("commit", "-q", "-m", word)
        git("tag", f"v-{word}")

    shop.deploy("--ref v-two")
    tagged = shop.page
    unknown = shop.refused("--ref v-four")
    shop.deploy(f"--ref {git('rev-parse', '--short', 'main')}")

    assert (200, "two") == tagged
    assert "no branch, tag or commit `v-four`" in unknown
    assert (200, "three") == shop.page


def test_only_the_workers_that_must_restart_and_the_plan_says_why(shop: Shop):
    limits = shop.standing.owner.types("edit-site shop --tasks 80 --memory 70 --plan").out
    code = shop.standing.owner.types("env set shop COLOUR=red --plan").out

    assert "restart" not in limits
    assert f"restart 3 workers `shop@8001` … `shop@8003`, for `{HOME}/.env` changes" in code
