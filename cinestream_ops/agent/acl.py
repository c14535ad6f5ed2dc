"""
Who else may do what with a folder: its access control list, in the short text form of acl(5).

Binary form: `include/uapi/linux/posix_acl_xattr.h`.
"""

from __future__ import annotations

import errno
import os
import struct
from typing import Callable, Iterator, Union

from cinestream_ops.agent import place
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state.items import letters

NAME = "system.posix_acl_access"
VERSION = struct.Struct("<I")
ENTRY = struct.Struct("<HHI")  # tag, permissions, id
NOBODY = 0xFFFFFFFF
NAMED, MASK = {2: "user", 8: "group"}, 16
TAGS = {1: "user", **NAMED, 4: "group", MASK: "mask", 32: "other"}
NONE = {errno.ENODATA, errno.EOPNOTSUPP}

Where = Union[str, int]


def read(where: Where) -> str:
    """The list of what is at *where*, itself and not what it links to; empty if it has none."""
    try:
        follow = isinstance(where, int)
        return text(os.getxattr(where, NAME, follow_symlinks=follow))
    except OSError as error:
        if error.errno in NONE:
            return ""
        raise


def write(handle: int, wanted: str, path: str) -> None:
    """Give the folder *handle*, which is *path*, the list *wanted*, and the mode that it says."""
    try:
        os.setxattr(handle, NAME, packed(wanted))
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        raise Refused(
            f"the file system of `{path}` keeps no access control lists (acl(5))",
            "mount it with the option `acl`, or move it to ext4, XFS or Btrfs",
        ) from None


def remove(handle: int) -> None:
    try:
        os.removexattr(handle, NAME)
    except OSError as error:
        if error.errno not in NONE:
            raise


def text(content: bytes) -> str:
    return ",".join(entries(content))


def entries(content: bytes) -> Iterator[str]:
    for tag, allowed, number in ENTRY.iter_unpack(content[VERSION.size :]):
        who = named(tag, number) if tag in NAMED else ""
        yield f"{TAGS[tag]}:{who}:{letters(allowed)}"


def named(tag: int, number: int) -> str:
    name_of: Callable[[int], str] = place.name_of if NAMED[tag] == "user" else place.group_of
    return name_of(number)


def packed(wanted: str) -> bytes:
    return VERSION.pack(2) + b"".join(map(entry, wanted.split(",")))


def entry(told: str) -> bytes:
    word, who, allowed = told.split(":")
    tag = next(tag for tag, name in TAGS.items() if name == word and (tag in NAMED) == bool(who))
    number_of = place.owner_id if word == "user" else place.group_id
    bits = sum(bit for letter, bit in zip(allowed, (4, 2, 1)) if letter != "-")
    return ENTRY.pack(tag, bits, number_of(who) if who else NOBODY)
