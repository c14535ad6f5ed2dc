"""
Every nginx file that a case becomes: tested by nginx, parsed by crossplane, examined by gixy.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import crossplane
import pytest

from tests.render import case
from tests.tools import tree

GIXY = Path(sys.executable).with_name("gixy")
each_case = pytest.mark.parametrize("path", case.paths(), ids=lambda path: path.stem)


@pytest.mark.slow
@each_case
def test_nginx_takes_it(path, tmp_path):
    text = case.read(path).text
    if tree.nginx_of(text) > tree.nginx_here():
        pytest.skip("for a newer nginx than this machine's")
    conf = tree.lay_out(text, tmp_path)

    done = subprocess.run(
        ["/usr/sbin/nginx", "-t", "-c", conf], check=False, capture_output=True, text=True
    )

    assert (0, "") == (done.returncode, warnings(done.stderr))


def warnings(stderr: str) -> str:
    return "".join(line for line in stderr.splitlines() if "[" in line)


@each_case
def test_crossplane_parses_it(path, tmp_path):
    conf = tree.lay_out(case.read(path).text, tmp_path)

    parsed = crossplane.parse(str(conf), check_ctx=True, check_args=True)

    assert "ok" == parsed["status"], parsed["errors"]


@pytest.mark.slow
@each_case
def test_gixy_finds_nothing(path, tmp_path):
    conf = tree.lay_out(case.read(path).text, tmp_path)

    done = subprocess.run([GIXY, "-f", "json", conf], check=False, capture_output=True, text=True)

    found = json.loads(done.stdout)
    assert [] == [each for each in found if not is_nginx_own(each["config"])]


def is_nginx_own(config: str) -> bool:
    """Whether it is where nginx answers by itself, which needs none of an application's headers."""
    nested = re.findall(r"location ([^{]*)\{", config)
    return bool(nested) and nested[-1].strip() in {"= /.cinestream-site", "= /.cinestream-down"}
