"""
Keys and credentials among the files of a source, and folders that are no source at all.
"""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path, PurePath

from cinestream_ops.engine.source_error import SourceError
from cinestream_ops.spec.faults import safe

FOLDERS = {".ssh", ".aws", ".azure", ".gnupg", ".kube", ".password-store"}
NAMES = {
    ".netrc", "_netrc", ".pgpass", ".my.cnf", ".mylogin.cnf", ".git-credentials", ".pypirc",
    ".dockercfg", ".docker/config.json", ".config/gh/hosts.yml", ".vault-token", ".boto", ".s3cfg",
    ".lesshst", ".viminfo", "terraform.tfstate",
}  # fmt: skip
FOLDERS_WITHIN = {".config/gcloud"}
# `.bash_history`, `.python_history`, `.psql_history` and their like; keys as ssh-keygen(1) calls
# them; stores of keys of Java, of PKCS #12 and of KeePass.
PATTERN = re.compile(
    r"\.\w*history|id_(rsa|dsa|ecdsa|ed25519)(_sk)?|.*\.(jks|keystore|p12|pfx|kdbx|ppk)"
)
CONTENT = re.compile(
    rb"^-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY( BLOCK)?-----\r?$"
    rb'|"private_key"\s*:\s*"-----BEGIN'
    rb"|^AGE-SECRET-KEY-1[0-9A-Z]{50}"
    rb"|^//[^\s]+:_authToken\s*=",
    re.MULTILINE,
)
BIGGEST = 1 << 20  # bytes that a file of keys may have

SHELLS = {".bashrc", ".bash_profile", ".bash_logout", ".zshrc", ".zprofile"}
OF_A_HOME = {*SHELLS, ".ssh", ".config", ".local", ".cache", ".gnupg", ".profile", ".bash_history"}
# hier(7): the folders of a system, none of which is a source, and those that hold nothing else.
SYSTEM = {
    "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt",
    "/proc", "/root", "/run", "/sbin", "/srv", "/sys", "/usr", "/var", "/var/www", "/Users",
}  # fmt: skip
WHOLLY_SYSTEM = ("/boot", "/etc", "/proc", "/sys")
MOST = 8  # paths in a sentence
HINT = "name the folder that holds the site and nothing else"


def refuse_home(root: Path) -> None:
    """Raise `SourceError` when *root* is a home, holds one, or is a folder of the system."""
    homes = {Path.home().resolve(), Path(pwd.getpwuid(os.geteuid()).pw_dir).resolve()}
    of_system = any(root.is_relative_to(each) for each in WHOLLY_SYSTEM)
    if of_system or str(root) in SYSTEM or any(each.is_relative_to(root) for each in homes):
        raise SourceError(f"`{safe(str(root))}` is no folder of a site, and is not sent", HINT)
    found = sorted(each for each in OF_A_HOME if (root / each).exists())
    if SHELLS & {*found} and len(found) > 1:
        raise SourceError(
            f"`{safe(str(root))}` looks like a home, and is not sent: it has {few(found)}", HINT
        )


def refuse_private(root: Path, files: Iterable[Path], sends: Collection[str] = ()) -> None:
    """Raise `SourceError` when there are keys or credentials that the owner does not *send*."""
    named = ((path.relative_to(root).as_posix(), path) for path in files)
    found = [
        name
        for name, path in named
        if not any(is_in(name, each) for each in sends)
        and (is_private(name, path) or holds_key(path))
    ]
    if found:
        raise SourceError(
            f"`{safe(str(root))}` has keys or credentials in it, and is not sent: {few(found)}",
            "move them out of it, or have git ignore them; `--send PATH` sends one all the same",
        )


def is_in(name: str, folder: str) -> bool:
    return name == folder or name.startswith(f"{folder}/")


def is_private(name: str, path: Path) -> bool:
    """Whether *path* tells by its name, or by that of what it is a link to."""
    return any(
        map(tells, (PurePath(name), path.resolve() if path.is_symlink() else PurePath(name)))
    )


def tells(path: PurePath) -> bool:
    """Names are compared without their case: not every file system knows of it."""
    parts = [part.casefold() for part in path.parts]
    ends = ("/".join(parts[-count:]) for count in range(1, 4))
    within = "/".join(parts[:-1]) + "/"
    return (
        bool(FOLDERS.intersection(parts[:-1]))
        or any(f"/{each}/" in f"/{within}" for each in FOLDERS_WITHIN)
        or bool(NAMES.intersection(ends))
        or bool(PATTERN.fullmatch(parts[-1]))
    )


def holds_key(path: Path) -> bool:
    try:
        if path.stat().st_size > BIGGEST:
            return False
        return bool(CONTENT.search(path.read_bytes()))
    except OSError as error:
        raise SourceError(f"`{path}` cannot be read: {error.strerror}") from None


def few(names: Collection[str]) -> str:
    return ", ".join(shown(names))


def shown(names: Collection[str]) -> Iterator[str]:
    yield from (f"`{safe(name)}`" for name in [*names][:MOST])
    if len(names) > MOST:
        yield f"and {len(names) - MOST} more"
