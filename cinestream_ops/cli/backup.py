"""
`cinestream backup`: all of a site in one folder on the owner's machine, and the way back.
"""

from __future__ import annotations

import sys
from getpass import getpass
from pathlib import Path
from typing import Any

from cinestream_ops import engine
from cinestream_ops.cli import (
    aftermath,
    capacity,
    change,
    confirm,
    files,
    plans,
    progress,
    session,
    show,
    words,
)
from cinestream_ops.cli.options import (
    AsJson,
    BackupFolder,
    Changing,
    KeepBackups,
    KeptIn,
    MaybeSite,
    NewName,
    PassphraseFile,
    Reading,
    SiteName,
    Yes,
)
from cinestream_ops.cli.session import Session
from cinestream_ops.engine import backups, backups_folder, backups_lock, backups_restoring
from cinestream_ops.engine.backups_restoring import Restoring
from cinestream_ops.errors import BadSpec, OpsError
from cinestream_ops.spec import names
from cinestream_ops.spec.backup import ENV, Manifest
from cinestream_ops.spec.secret import Secret

COLUMNS = {
    "site": "site", "folder": "folder", "taken": "taken", "host": "host", "size": "size",
    "documents": "documents", "trouble": "trouble",
}  # fmt: skip
MIB = 1 << 20


def create(
    name: SiteName, to: KeptIn, asked: Reading, passphrase_file: PassphraseFile = None
) -> None:
    """
    Save a site: its spec, code, data, database, and its .env behind a passphrase.

    It is a folder of its own below DIR/NAME, on this machine.  The site goes on as ever; without
    the passphrase nobody reads its secrets, nor restores it.
    """
    words.checked(names.SiteName, name)
    with session.opened(asked) as host:
        site = host.site(name)
        passphrase = new_passphrase(passphrase_file)
        with progress.telling() as told:
            folder, made = backups.create(
                host.conversation, host.found, site, to.expanduser(), passphrase, told
            )
    if made.data_changed:
        show.warning(f"files in the data of `{name}` changed while they were read")
    if asked.as_json:
        show.data(row(folder, made))
    else:
        show.line(str(folder))


def new_passphrase(source: Path | None) -> Secret:
    """The passphrase in the file *source*; without one it is asked for, twice."""
    given = passphrase(source)
    if source is None and given.reveal() != passphrase(None, "Once more").reveal():
        raise OpsError("the two are not the same; nothing was saved")
    return given


def passphrase(source: Path | None, question: str = "Passphrase of the backup") -> Secret:
    if source is None and not sys.stdin.isatty():
        raise OpsError(
            "there is no terminal to ask at for the passphrase of the backup",
            "`--passphrase-file FILE` reads it from a file, `--passphrase-file -` from stdin",
        )
    text = getpass(f"{question}: ", stream=sys.stderr) if source is None else files.text(source)
    # An editor or `echo` ends the last line; the passphrase does not.
    found = text.removesuffix("\n").removesuffix("\r")
    if not found:
        raise OpsError("the passphrase is empty")
    return Secret(found)


def list_(to: KeptIn, name: MaybeSite = "", as_json: AsJson = False) -> None:
    """List the backups below a directory, the latest last."""
    if name:
        words.checked(names.SiteName, name)
    found = [told(folder) for folder in backups_folder.shelves(to.expanduser(), name)]
    if as_json:
        show.data(found)
    else:
        show.rows([{**each, "size": size(each["size"])} for each in found], COLUMNS)


def told(folder: Path) -> dict[str, Any]:
    """What the manifest in *folder* says; of a broken one, what is wrong."""
    try:
        return row(folder, backups_folder.read(folder))
    except (BadSpec, OpsError) as error:
        return {"site": folder.parent.name, "folder": str(folder), "size": 0, "trouble": str(error)}


def row(folder: Path, found: Manifest) -> dict[str, Any]:
    return {
        "site": found.site,
        "folder": str(folder),
        "taken": found.taken,
        "host": found.host,
        "size": found.size,
        "documents": found.documents,
        "consistency": found.consistency,
        "trouble": "",
    }


def size(count: int) -> str:
    return f"{count / MIB:.1f} MiB"


def verify(folder: BackupFolder, asked: Reading, passphrase_file: PassphraseFile = None) -> None:
    """
    Check a backup: every file by its digest, and its database by loading it.

    The database is loaded into one of its own on the server, compared and dropped.  With
    --passphrase-file, it is also tried whether the passphrase opens the backup.
    """
    found = backups_folder.checked(folder)
    if passphrase_file:
        opened(folder, found, passphrase_file)
    if found.database:
        with session.opened(asked) as host:
            host.need_server()
            backups.compare(host.conversation, folder, found)
    if asked.as_json:
        show.data(row(folder, found))
    else:
        show.say(f"`{folder}` is whole: {len(found.parts)} files, {found.documents} documents")


def opened(folder: Path, found: Manifest, source: Path | None) -> str:
    """The `.env` in the backup."""
    content = (folder / ENV).read_bytes()
    env = backups_lock.opened(content, found, passphrase(source))
    return env.decode(errors="surrogateescape")


def restore(
    folder: BackupFolder,
    asked: Changing,
    new_name: NewName = "",
    passphrase_file: PassphraseFile = None,
) -> None:
    """
    Bring a site up out of a backup, on a server where it is not.

    It gets its code, data, database and variables back; if its ports are taken, the next free ones.
    """
    found = backups_folder.checked(folder)
    name = words.checked(names.SiteName, new_name or found.site)
    env = opened(folder, found, passphrase_file)
    with session.opened(asked) as host:
        host.need_server()
        site = backups_restoring.site_of(folder, found, name, host.found)
        backups_restoring.refuse_small_server(found, host.found)
        restoring = Restoring(folder, found, site, backups_restoring.env_for(site, env))
        make(host, restoring, asked, f"backup restore {name}")


def make(host: Session, restoring: Restoring, asked: Changing, doing: str) -> None:
    name = restoring.site.name
    house = host.house.with_site(restoring.site)
    capacity.warn(house, host.found.facts.machine)
    backups_restoring.refuse_occupied(host.conversation, host.found, restoring)
    plan = backups_restoring.plan_of(host.conversation, host.found, house, restoring, {name})
    diffs = engine.diffs(host.conversation, plan) if asked.diff else {}
    plans.tell(plan, diffs, asked)
    came = None
    if change.is_wanted(plan, asked):
        with progress.telling() as told:
            outcome = backups_restoring.restore(
                host.conversation,
                restoring,
                doing=doing,
                wait=asked.wait,
                report=lambda made: progress.of_plan(made, told),
            )
        came = aftermath.of(host.conversation, outcome)
        show.say(f"Done: {doing}")
        aftermath.tell(came)
    if asked.as_json:
        came_of_it = {"changed": came is not None, "follow_ups": aftermath.data(came)}
        show.data({"doing": doing, **came_of_it, **plans.data(plan, diffs)})


def prune(
    name: SiteName, to: KeptIn, keep: KeepBackups, yes: Yes = False, as_json: AsJson = False
) -> None:
    """Delete all backups of a site but the latest."""
    words.checked(names.SiteName, name)
    top = to.expanduser()
    surplus = list(backups_folder.shelves(top, name))[:-keep]
    for folder in surplus:
        show.say(f"  - delete `{folder}`")
    if surplus and not yes and not confirm.change():
        show.say("Nothing was changed")
        return
    gone = backups_folder.prune(top, name, keep)
    show.say(f"Deleted {len(gone)} of the backups of `{name}`")
    if as_json:
        show.data([str(folder) for folder in gone])


COMMANDS = {
    "create": create,
    "list": list_,
    "verify": verify,
    "restore": restore,
    "prune": prune,
}
