"""
What dpkg and apt say is understood.
"""

from __future__ import annotations

from cinestream_ops.agent import packages

STATUS = """\
Package: nginx
Status: install ok installed
Priority: optional
Version: 1.22.1-9+deb12u1
Description: small, powerful
 Package: not-a-package

Package: dpkg
Essential: yes
Status: hold ok installed
Version: 1.21.22

Package: gone
Status: deinstall ok config-files
Version: 1

Package: broken
Status: install reinstreq half-installed
Version: 2

Package: waiting
Status: install ok unpacked
Version: 3
"""


def test_only_whole_packages_count_as_installed():
    found = packages.versions(STATUS)

    assert {"nginx": "1.22.1-9+deb12u1", "dpkg": "1.21.22"} == found


class Listener:
    def __init__(self):
        self.told = []

    def progress(self, *words):
        self.told.append(words)


def test_the_status_stream_of_apt_becomes_progress():
    kit = Listener()

    for line in (
        "dlstatus:1:20.5:Retrieving file 1 of 3",
        "pmstatus:nginx:33.3333:Installing nginx: small (amd64)",
        "pmerror:nginx:40:trouble",
        "noise",
    ):
        packages.tell(line, kit, "package:nginx")

    assert [
        ("package:nginx", "Retrieving file 1 of 3", 20, 100),
        ("package:nginx", "Installing nginx: small (amd64)", 33, 100),
    ] == kit.told


def test_a_failure_is_told_in_the_words_of_apt():
    output = "Reading package lists...\nE: Unable to locate package nginy\n"

    told = packages.condensed(output)

    assert "E: Unable to locate package nginy" == told
    assert packages.is_stale(told)


def test_a_failure_without_an_error_is_told_by_its_last_lines():
    assert "b; c; d; e" == packages.condensed("a\nb\n\nc\nd\ne\n")
