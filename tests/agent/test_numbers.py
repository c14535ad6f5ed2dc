"""
Whose number is whose, also after an account was made again by hand.
"""

from __future__ import annotations

import pwd

from cinestream_ops.agent import numbers, transaction


def test_a_number_is_never_given_twice(tmp_path):
    first = numbers.numbers(tmp_path, "alice")
    numbers.forget(tmp_path, "alice")

    assert first < numbers.numbers(tmp_path, "alice")


def test_an_account_that_was_made_again_by_hand_leaves_with_both_of_its_numbers(tmp_path):
    found = pwd.getpwnam("daemon")
    numbers.write(tmp_path, 300, {"daemon": [250, 251]})

    assert {(250, 251), (found.pw_uid, found.pw_gid)} == numbers.known(tmp_path, "daemon")


def test_who_gets_a_name_in_between_is_the_same_owner():
    before = {"mode": 0o700, "owner": "0", "group": "0"}

    assert transaction.identity(before) == transaction.identity(
        {"mode": 0o700, "owner": "root", "group": "root"}
    )
    assert transaction.identity(before) != transaction.identity(
        {"mode": 0o700, "owner": "daemon", "group": "root"}
    )
