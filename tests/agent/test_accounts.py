"""
Who has a password and no key is named before passwords open nothing any more.
"""

from __future__ import annotations

import pwd

from cinestream_ops.agent import accounts


def account(name: str, home: object, shell: str = "/bin/bash") -> pwd.struct_passwd:
    return pwd.struct_passwd((name, "x", 2000, 2000, "", str(home), shell))


def test_only_those_with_a_password_and_no_key_are_named(tmp_path):
    """Bob has a password, ann a key as well, eve neither, and mallory no shell."""
    for name, key in (("ann", "ssh-ed25519 AAAA ann"), ("bob", "")):
        (tmp_path / name / ".ssh").mkdir(parents=True)
        (tmp_path / name / ".ssh/authorized_keys").write_text(key)
    known = [account(name, tmp_path / name) for name in ("ann", "bob", "eve", "unknown")]
    known += [account("mallory", tmp_path, "/usr/sbin/nologin")]
    hashed = "$y$j9T$abc$def:19000:0:99999:7:::"
    shadow = tmp_path / "shadow"
    shadow.write_text(f"ann:{hashed}\nbob:{hashed}\neve:!:19000\nmallory:{hashed}\nbroken\n")

    [found] = accounts.shut_out(str(shadow), known)

    assert "warn" == found["level"]
    assert "`bob` has a password and no key" in found["what"]


def test_without_a_shadow_file_nobody_is_named(tmp_path):
    assert [] == list(accounts.shut_out(str(tmp_path / "none")))
