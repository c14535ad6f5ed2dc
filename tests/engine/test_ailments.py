"""
Each trouble of a site becomes one sentence that names who, why, and a way forward.
"""

from __future__ import annotations

from typing import Any

import pytest

from cinestream_ops.engine.ailments import ailments, once

WELL = {"unit": "blog@8001.service", "ready": True, "restarts": 0, "ended": "", "why": ""}
DOWN = {**WELL, "ready": False, "why": "ended with exit code 7"}
ISSUED = {"domain": "blog.example", "state": "issued", "why": "", "hint": ""}


def site(*workers: dict[str, Any], stopped: bool = False, domains: Any = ()) -> dict[str, Any]:
    return {"name": "blog", "workers": workers, "stopped": stopped, "domains": domains, "taken": ()}


def test_a_site_that_is_well_has_none():
    assert [] == list(ailments(site(WELL, domains=[ISSUED])))


def test_workers_with_the_same_reason_share_a_sentence_whatever_their_numbers():
    late = [
        {**DOWN, "unit": f"blog@{port}.service", "why": f"has been starting for {port - 8000} s"}
        for port in (8001, 8002, 8003)
    ]

    [found] = ailments(site(*late))

    assert "`blog@8001` (and 2 more) of `blog` has been starting for 1 s" == found["what"]
    assert "stop" == found["level"]


def test_one_that_was_out_of_memory_is_told_where_there_is_more():
    again = {**WELL, "restarts": 2, "ended": "was killed because its site was out of memory"}

    [found] = ailments(site(again))

    assert "warn" == found["level"]
    assert "out of memory, and was started again, 2 times so far" in found["what"]
    assert "`cinestream edit-site blog --memory MIB`" in found["hint"]


def test_of_a_site_that_is_stopped_workers_are_no_trouble_and_domains_are():
    lost = {**ISSUED, "state": "expiring", "why": "certbot has not renewed it in time"}

    [found] = ailments(site(DOWN, stopped=True, domains=[lost]))

    assert (
        "`blog.example` of `blog` is expiring: certbot has not renewed it in time" == found["what"]
    )


@pytest.mark.parametrize("state", ["http-only", "pending-dns"])
def test_a_domain_without_a_certificate_is_told_why_and_what_to_do(state: str):
    lost = {**ISSUED, "state": state, "why": "no A record", "hint": "point it here"}

    [found] = ailments(site(WELL, domains=[lost]))

    assert f"`blog.example` of `blog` is {state}: no A record" == found["what"]
    assert found["hint"].startswith("point it here; ")


def without(*workers: dict[str, Any], where: str = "archive", **more: Any) -> dict[str, Any]:
    """A site whose MongoDB does not answer."""
    return {**site(*workers, **more), "mongodb": {"where": where, "why": "does not run"}}


SILENT = {**WELL, "ready": False, "state": "active", "why": "answers `/readyz` with 503"}


def test_a_mongodb_that_is_away_comes_first_and_its_workers_come_back_by_themselves():
    lost, idle = ailments(without(SILENT))

    assert ("stop", "MongoDB on this server does not run") == (lost["level"], lost["what"])
    assert "`journalctl -u mongodb`" in lost["hint"]
    assert "`blog@8001` of `blog` answers `/readyz` with 503" == idle["what"]
    assert idle["hint"].endswith("sites come back by themselves")


def test_one_that_has_failed_besides_is_to_be_restarted():
    _, idle = ailments(without({**DOWN, "state": "failed"}))

    assert idle["hint"].endswith("`cinestream restart blog`")


def test_where_all_can_serve_what_they_keep_it_is_a_warning():
    [lost] = ailments(without(WELL))

    assert "warn" == lost["level"]


def test_one_elsewhere_is_to_be_looked_at_there():
    [lost] = ailments(without(WELL, where="external"))

    assert "MongoDB, which runs elsewhere, does not run" == lost["what"]
    assert "`/etc/cinestream/mongodb.env`" in lost["hint"]


def test_of_a_site_that_is_stopped_nobody_misses_it():
    assert [] == list(ailments(without(DOWN, stopped=True)))


def test_what_many_sites_have_in_common_is_told_once_at_its_worst():
    many = [*ailments(without(WELL)), *ailments(without(SILENT)), *ailments(without(WELL))]

    lost, idle = once(many)

    assert ("stop", "stop") == (lost["level"], idle["level"])
    assert lost["what"].startswith("MongoDB")
