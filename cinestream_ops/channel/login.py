"""
The keys of the owner's, shown to an SSH server until it takes one.

Asks nobody anything: a key behind a passphrase is raised as `LockedKey`, for the caller to ask.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from cinestream_ops.channel.library import load_paramiko
from cinestream_ops.channel.route import Hop
from cinestream_ops.channel.target import SSH_PORT
from cinestream_ops.errors import Unreachable

if TYPE_CHECKING:
    from paramiko import AgentKey, PKey, Transport

Candidate = tuple[str, "PKey"]


class LockedKey(Unreachable):
    """The key in the file *path* takes a passphrase; *wrong* when the one given was not it."""

    hint = "`ssh-add` hands it to your ssh-agent, which then answers for you"

    def __init__(self, path: str, wrong: bool = False) -> None:
        what = "does not open with that passphrase" if wrong else "is locked with a passphrase"
        super().__init__(f"the key `{_short(path)}` {what}")
        self.path, self.wrong = path, wrong


def log_in(transport: Transport, hop: Hop, passphrases: Mapping[str, str]) -> None:
    """Raises `LockedKey`, or `Unreachable` with everything that was tried."""
    paramiko = load_paramiko()
    tried: list[str] = []
    passed: list[str] = []  # over, for they take hardware or an algorithm that is not here
    with ExitStack() as stack:
        for label, key in candidates(hop, passphrases, stack, passed):
            if not usable(transport, key):
                passed.append(label)
                continue
            tried.append(label)
            try:
                remaining = transport.auth_publickey(hop.user, key)
            except paramiko.BadAuthenticationType as error:
                raise _no_keys(hop, error.allowed_types) from None
            except paramiko.AuthenticationException:
                if not transport.is_active():
                    raise _refused(hop, tried, passed, hung_up=True) from None
            except (paramiko.SSHException, EOFError, OSError):
                raise _refused(hop, tried, passed, hung_up=True) from None
            else:
                if remaining:
                    raise _no_keys(hop, remaining)
                return
    raise _refused(hop, tried, passed)


def usable(transport: Transport, key: PKey) -> bool:
    """Whether the library can sign with a *key* of this type, which an agent may well hold."""
    name = key.get_name().removesuffix("-cert-v01@openssh.com")
    return name == "ssh-rsa" or name in transport.get_security_options().key_types


def candidates(
    hop: Hop, passphrases: Mapping[str, str], stack: ExitStack, passed: list[str]
) -> Iterator[Candidate]:
    """
    The keys worth showing, the likeliest first; ends in `LockedKey` when one stayed locked.

    Those that cannot be used at all are *passed* over.
    """
    if not hop.only_these:
        yield from _agent_keys(stack)
    locked: list[LockedKey] = []
    for path in hop.identities:
        try:
            yield from _file_key(hop, path, passphrases.get(path), passed)
        except LockedKey as error:
            locked.append(error)
            if hop.only_these:
                yield from _same_in_agent(path, stack)
    if locked:
        raise locked[0]
    if hop.only_these and not hop.named:
        # `IdentityFile KEY.pub` means: that key, which only the agent has.
        for path in hop.identities:
            yield from _same_in_agent(path, stack)


def _agent_keys(stack: ExitStack) -> Iterator[tuple[str, AgentKey]]:
    paramiko = load_paramiko()
    try:
        agent = paramiko.Agent()
    except (paramiko.SSHException, OSError):
        return
    stack.callback(agent.close)
    for key in agent.get_keys():
        yield f"`{key.comment or key.get_name()}` of ssh-agent", key


def _same_in_agent(path: str, stack: ExitStack) -> Iterator[Candidate]:
    public = {blob for file in (path, f"{path}.pub") if (blob := _public(file))}
    for label, key in _agent_keys(stack) if public else ():
        if key.asbytes() in public:
            yield label, key


def _public(path: str) -> bytes | None:
    """The key in a `.pub` file: `TYPE BASE64 COMMENT`."""
    try:
        return base64.b64decode(Path(path).read_bytes().split()[1], validate=True)
    except (OSError, IndexError, binascii.Error):
        return None


def _file_key(
    hop: Hop, path: str, passphrase: str | None, passed: list[str]
) -> Iterator[Candidate]:
    paramiko = load_paramiko()
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        key = paramiko.PKey.from_path(path, passphrase.encode() if passphrase else None)
    except UnsupportedAlgorithm:
        passed.append(f"`{_short(path)}`")
    except TypeError:  # What the cryptography library raises for a key without its password.
        raise LockedKey(path) from None
    except (OSError, ValueError, paramiko.SSHException, paramiko.UnknownKeyType) as error:
        if passphrase:
            raise LockedKey(path, wrong=True) from None
        if hop.named:
            raise _unreadable(hop, path, error) from None
    else:
        yield f"`{_short(path)}`", key


def _unreadable(hop: Hop, path: str, error: Exception) -> Unreachable:
    why = error.strerror if isinstance(error, OSError) else "it is not a private key"
    hint = f"name the right one with `cinestream server add ... {hop.login} --identity-file FILE`"
    return Unreachable(f"the key `{_short(path)}` cannot be read: {why}", hint)


def _no_keys(hop: Hop, allowed: list[str]) -> Unreachable:
    return Unreachable(
        f"`{hop.login}` does not let anybody in with a key alone, only with {', '.join(allowed)}",
        "allow `PubkeyAuthentication` in its `sshd_config`",
    )


def _refused(
    hop: Hop, tried: list[str], passed: list[str], *, hung_up: bool = False
) -> Unreachable:
    copy = f"ssh-copy-id {'' if hop.port == SSH_PORT else f'-p {hop.port} '}{hop.user}@{hop.host}"
    over = f" ({_listed(passed)} passed over: no key that can be used here)" if passed else ""
    if passed and not tried:
        hint = f"a key of hardware (`sk-`) works with `ssh` alone: add another, `{copy}`"
        return Unreachable(f"there is no SSH key for `{hop.login}` that can be used{over}", hint)
    if not tried:
        hint = f"make one with `ssh-keygen -t ed25519`, then `{copy}`"
        return Unreachable(f"there is no SSH key to show to `{hop.login}`", hint)
    if hung_up:
        return Unreachable(
            f"`{hop.login}` hung up after {_listed(tried)}{over}",
            "too many keys may have been tried: name the right one with `--identity-file FILE`",
        )
    return Unreachable(
        f"`{hop.login}` refused every key: {_listed(tried)}{over}",
        f"put one on the server with `{copy}`, or name another with `--identity-file FILE`",
    )


def _listed(words: list[str]) -> str:
    return ", ".join(words)


def _short(path: str) -> str:
    home = str(Path("~").expanduser())
    return f"~{path.removeprefix(home)}" if path.startswith(f"{home}/") else path
