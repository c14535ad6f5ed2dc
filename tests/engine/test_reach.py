"""
What is said of doors that this machine cannot come to.
"""

from __future__ import annotations

import socket

from cinestream_ops.engine import reach

NOWHERE = "shop.invalid"  # RFC 2606: no DNS knows it


def test_a_name_that_is_unknown_here_is_looked_for_at_the_servers_address():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        reached = reach.closed([(NOWHERE, port)], "127.0.0.1")
    refused = reach.closed([(NOWHERE, port)], "127.0.0.1")

    assert {} == reached
    assert {(NOWHERE, port): "Connection refused"} == refused


def test_nothing_is_claimed_where_the_servers_name_is_one_of_ssh_config_alone():
    assert {} == reach.closed([(NOWHERE, 80)], "web1.invalid")
