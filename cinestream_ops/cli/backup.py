"""
`cinestream backup`: all of a site in one folder that its owner keeps, and the way back.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from cinestream_ops.cli import (
    capacity,
    change,
    confirm,
    files,
    mouth,
    progress,
    session,
    shelves,
    show,
    words,
)
from cinestream_ops.cli.change import Reporting
from cinestream_ops.cli.options import (
    NONE,
    AsJson,
    BackupFolder,
    BackupRecipient,
    Changing,
    Daily,
    Identity,
    KeepBackups,
    KeepScheduled,
    KeptIn,
    LeftOut,
    MaybeSite,
    NewName,
    OnServer,
    PassphraseFile,
    Reading,
    Server,
    SiteName,
    WithoutDomains,
    Yes,
    named,
)
from cinestream_ops.cli.session import Session
from cinestream_ops.engine import (
    Outcome,
    backups,
    backups_age,
    backups_data,
    backups_folder,
    backups_lock,
    backups_restoring,
)
from cinestream_ops.engine.backups_folder import Stored
from cinestream_ops.engine.backups_restoring import Restoring
from cinestream_ops.errors import BadSpec, OpsError
from cinestream_ops.spec import names, toml
from cinestream_ops.spec.backup import DATA, AgeLock, Manifest
from cinestream_ops.spec.secret import Secret
from cinestream_ops.state import homes

COLUMNS = {
    "site": "site", "folder": "folder", "taken": "taken", "host": "host", "size": "size",
    "documents": "documents", "trouble": "trouble",
}  # fmt: skip


def create(
    name: SiteName, to: KeptIn, asked: Reading, passphrase_file: PassphraseFile = None
) -> None:
    """
    Save a site: its spec, code, data, database, and its .env behind a passphrase.

    It is a folder of its own below DIR/NAME, on this machine or on one that SSH reaches.  The site
    goes on as ever; without the passphrase nobody reads its secrets, nor restores it.
    """
    words.checked(names.SiteName, name)
    with session.opened(asked) as host, shelves.opened(to, asked.server) as shelf:
        site = host.site(name)
        passphrase = new_passphrase(passphrase_file)
        with progress.telling() as report:
            folder, made = backups.create(
                host.conversation, host.found, site, shelf, passphrase, report
            )
    tell_missing(folder, made)
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
    text = mouth.ask_unseen(question) if source is None else files.text(source)
    # An editor or `echo` ends the last line; the passphrase does not.
    found = text.removesuffix("\n").removesuffix("\r")
    if not found:
        raise OpsError("the passphrase is empty")
    return Secret(found)


def list_(to: KeptIn, name: MaybeSite = "", server: Server = "", as_json: AsJson = False) -> None:
    """List the backups below a directory, the latest last."""
    if name:
        words.checked(names.SiteName, name)
    with shelves.opened(to, server) as shelf:
        found = [told(folder) for folder in backups_folder.shelves(shelf, name)]
    if as_json:
        show.data(found)
    else:
        show.rows([{**each, "size": show.size(each["size"])} for each in found], COLUMNS)


def told(folder: Stored) -> dict[str, Any]:
    """What the manifest in *folder* says; of a broken one, what is wrong."""
    try:
        return row(folder, backups_folder.read(folder))
    except (BadSpec, OpsError) as error:
        site = folder.path.partition("/")[0]
        return {"site": site, "folder": str(folder), "size": 0, "trouble": str(error)}


def row(folder: Stored, found: Manifest) -> dict[str, Any]:
    return {
        "site": found.site,
        "folder": str(folder),
        "taken": found.taken,
        "host": found.host,
        "size": found.size,
        "documents": found.documents,
        "consistency": found.consistency,
        "missing": list(found.missing or ()),
        "trouble": f"without {', '.join(found.missing)}" if found.missing else "",
    }


def tell_missing(folder: Stored, found: Manifest) -> None:
    for each in found.missing or ():
        show.warning(f"`{folder}` does not contain what `{found.site}` keeps in {each}")


def verify(
    folder: BackupFolder,
    asked: Reading,
    passphrase_file: PassphraseFile = None,
    identity: Identity = None,
) -> None:
    """
    Check a backup: every file by its digest, and its databases by loading them.

    On the server, MongoDB's is loaded into one of its own, compared and dropped, and SQLite checks
    each of its own in a sandbox.  With
    --passphrase-file or --identity, it is also tried whether that opens the backup.
    """
    with shelves.folder(folder, asked.server) as there:
        found = backups_folder.checked(there)
        if passphrase_file or identity:
            opened(there, found, passphrase_file, identity)
        of_sqlite = backups_data.has_database(there / DATA)
        if found.database or of_sqlite:
            with session.opened(asked) as host:
                host.need_server()
                if of_sqlite:
                    backups.inspect(host.conversation, there, found)
                if found.database:
                    backups.compare(host.conversation, there, found)
    if asked.as_json:
        show.data(row(there, found))
    else:
        show.say(f"`{there}` is whole: {len(found.parts)} files, {found.documents} documents")
    tell_missing(there, found)


def opened(folder: Stored, found: Manifest, source: Path | None, identity: Path | None) -> str:
    """The `.env` in the backup; raises `OpsError` if what was given is not what opens it."""
    content = (folder / found.env).content()
    if not isinstance(found.lock, AgeLock):
        env = backups_lock.opened(content, found, passphrase(source))
    elif identity:
        env = backups_age.opened(content, found, identity)
    else:
        raise OpsError(
            f"`{folder}` is encrypted to the key `{found.lock.recipient}`",
            "`--identity FILE` names the file with the key that belongs to it",
        )
    return env.decode(errors="surrogateescape")


def restore(
    folder: BackupFolder,
    asked: Changing,
    new_name: NewName = "",
    passphrase_file: PassphraseFile = None,
    identity: Identity = None,
    left_out: LeftOut = NONE,
    without_domains: WithoutDomains = False,
) -> None:
    """
    Bring a site up out of a backup, on a server where it is not.

    It gets its code, data, database and variables back; if its ports are taken, the next free ones.
    """
    with shelves.folder(folder, asked.server) as there:
        found = backups_folder.checked(there)
        name = words.checked(names.SiteName, new_name or found.site)
        env = opened(there, found, passphrase_file, identity)
        with session.opened(asked) as host:
            host.need_server()
            site = backups_restoring.site_of(there, found, name, host.found, left_out)
            if without_domains:
                site = toml.edited(site, {"domains": []})
            backups_restoring.refuse_small_server(found, host.found)
            kept = homes.moved(backups_restoring.env_for(site, env, left_out), found.site, name)
            restoring = Restoring(there, found, site, kept)
            make(host, restoring, asked, f"backup restore {name}")


def make(host: Session, restoring: Restoring, asked: Changing, doing: str) -> None:
    name = restoring.site.name
    house = host.house.with_site(restoring.site)
    capacity.warn(house, host.found.facts.machine)
    backups_restoring.refuse_occupied(host.conversation, host.found, restoring)
    plan = backups_restoring.plan_of(host.conversation, host.found, house, restoring, {name})

    def work(report: Reporting) -> Outcome:
        outcome, faults = backups_restoring.restore(
            host.conversation, restoring, doing=doing, wait=asked.wait, report=report
        )
        if faults:
            # As they are is better than not at all: there may be no other backup.
            told = backups.broken(faults)
            show.warning(f"these SQLite databases were not whole in the backup: {told}")
        return outcome

    change.make_true(host, plan, asked, work, doing=doing)


def prune(
    name: SiteName,
    to: KeptIn,
    keep: KeepBackups,
    server: Server = "",
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete all backups of a site but the latest."""
    words.checked(names.SiteName, name)
    with shelves.opened(to, server) as shelf:
        surplus = backups_folder.shelves(shelf, name)[:-keep]
        for folder in surplus:
            show.say(f"  - delete `{folder}`")
        if surplus and not yes and not confirm.change():
            show.say("Nothing was changed")
            return
        gone = backups_folder.prune(shelf, name, keep)
    show.say(f"Deleted {len(gone)} of the backups of `{name}`")
    if as_json:
        show.data([str(folder) for folder in gone])


def schedule(
    name: SiteName,
    daily: Daily,
    recipient: BackupRecipient,
    asked: Changing,
    keep: KeepScheduled = None,
    on_server: OnServer = None,
) -> None:
    """
    Have the server itself save a site every day, in a directory there.

    Its secrets are encrypted to a public key of age: the server cannot read them again.  Disks
    and mounts that the directory is on are yours to choose; `--to server:` reads what is there.
    """
    keys = {"daily": daily, "recipient": recipient, **named(keep=keep, directory=on_server)}
    with session.opened(asked) as host:
        site = toml.edited(host.site(name), {"backup": keys})
        house = host.house.with_site(site)
        change.make(host, house, asked, doing=f"backup schedule {name}", only={name})


def unschedule(name: SiteName, asked: Changing) -> None:
    """Have the server no longer save a site; the backups there stay."""
    with session.opened(asked) as host:
        house = host.house.with_site(toml.edited(host.site(name), {"backup": None}))
        change.make(host, house, asked, doing=f"backup unschedule {name}", only={name})


COMMANDS = {
    "create": create,
    "list": list_,
    "verify": verify,
    "restore": restore,
    "prune": prune,
    "schedule": schedule,
    "unschedule": unschedule,
}
