"""
What can go wrong with a lab, in the words of whoever ran the command.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cinestream_ops.errors import NotFound, OpsError, Refused


class BadName(OpsError):
    hint = "lab names are up to 30 lower-case letters, digits and `-`, and start with a letter"

    def __init__(self, name: str) -> None:
        super().__init__(f"`{name}` is not a lab name")


class UnknownSuite(OpsError):
    def __init__(self, suite: str, known: Iterable[str]) -> None:
        super().__init__(f"there is no lab of `{suite}`", f"suites are: {', '.join(known)}")


class NoSuchLab(NotFound):
    hint = "`cinestream lab list` shows those that are there"

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no lab `{name}`")


class NotRemoved(OpsError):
    hint = "unmount what is mounted there, or end what works there, and try again"

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"`{path}` cannot be removed: {why}")


class NotRoot(OpsError):
    hint = "run the same command as root, or with `sudo`"

    def __init__(self) -> None:
        super().__init__("a lab is made of namespaces and mounts, which only root may make")


class MissingTools(OpsError):
    """Programs a lab is built with are not on this machine; *packages* carry them."""

    def __init__(self, missing: Iterable[str], packages: Iterable[str]) -> None:
        super().__init__(
            f"this machine lacks {listed(missing)}",
            f"install them: `apt-get install {' '.join(sorted(set(packages)))}`",
        )


class NoControlGroups(OpsError):
    hint = "a lab needs Linux 5.14 or later with the cgroup2 file system mounted"

    def __init__(self) -> None:
        super().__init__("this machine has no cgroup2 hierarchy to hold a lab in")


class NoMirror(OpsError):
    hint = (
        "run `apt-get update`; on a machine that is not Debian, set CINESTREAM_DEBIAN_MIRROR "
        "to the address of a Debian mirror"
    )

    def __init__(self) -> None:
        super().__init__("apt on this machine knows no Debian mirror")


class NoIndex(OpsError):
    hint = "set `index-url` in pip's configuration, or install pip"

    def __init__(self) -> None:
        super().__init__("pip on this machine knows no package index")


class NoFreeNetwork(OpsError):
    hint = "`cinestream lab down --all` frees the networks of the labs"

    def __init__(self) -> None:
        super().__init__("every network from 10.77.1.0/24 to 10.77.254.0/24 is in use")


class SuiteTaken(Refused):
    def __init__(self, name: str, suite: str) -> None:
        super().__init__(
            f"lab `{name}` is already up, and runs {suite}",
            f"`cinestream lab down {name}` first, or choose another name",
        )


class NotRunning(Refused):
    def __init__(self, name: str, state: str) -> None:
        super().__init__(f"lab `{name}` is {state}", f"`cinestream lab up {name}` starts it")


class CommandFailed(OpsError):
    """A program the lab is built with said no; *output* is what it said."""

    hint = "the command and its last words are above; nothing was left behind"

    def __init__(self, argv: Sequence[str], output: str) -> None:
        super().__init__(f"`{argv[0]}` failed: {last_words(output)}")
        self.argv, self.output = tuple(argv), output


class TookTooLong(OpsError):
    hint = "the machine may be overloaded; `cinestream lab down` and try again"

    def __init__(self, what: str, seconds: float, log: str = "") -> None:
        said = f"; the last it said was: {last_words(log)}" if log.strip() else ""
        super().__init__(f"{what} did not happen within {seconds:g} seconds{said}")


class DiedEarly(OpsError):
    hint = "nothing was left behind; the last words above say why"

    def __init__(self, what: str, log: str) -> None:
        super().__init__(f"{what} ended before it was ready: {last_words(log)}")


def listed(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def last_words(output: str, lines: int = 5) -> str:
    return "\n".join(output.strip().splitlines()[-lines:]) or "(nothing)"
