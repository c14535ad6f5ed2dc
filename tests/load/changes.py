"""
What is done to a server while its visitors ask: data, in the order in which it is done.
"""

from __future__ import annotations

from dataclasses import dataclass

RENEWED = (
    "certbot renew --quiet --non-interactive --force-renewal --no-random-sleep-on-renew"
    " --cert-name crowded.example.test"
)
KILLED = """
for turn in $(seq {turns}); do
  systemctl show -p MainPID --value --state=active 'crowded@*.service' |
    grep -v '^0*$' | shuf -n 1 | xargs -r kill -9
  sleep 1
done
"""
RELOADED = """
for turn in $(seq {turns}); do
  systemctl reload nginx
  sleep {pause}
done
"""
GROW, DEPLOY, BACK, SHRINK = "more workers", "deploy", "rollback", "fewer workers"


@dataclass(frozen=True)
class Change:
    """A command of the owner's (*line*), or of root's on the server itself (*script*)."""

    name: str
    line: str = ""
    script: str = ""


def changes(least: int, most: int, second: str) -> tuple[Change, ...]:
    """From *least* workers to *most* and back, and all else between; *second* is a release."""
    grow, shrink = scalings(least, most)
    return (
        grow,
        *exchanges(second),
        Change("certificate renewed", script=RENEWED),
        Change("next door, restart", "restart beside --yes"),
        Change("next door, 2 to 3 workers", "edit-site beside --workers 3 --yes"),
        Change("next door, 3 to 2 workers", "edit-site beside --workers 2 --yes"),
        shrink,
    )


def exchanges(second: str) -> tuple[Change, ...]:
    """All workers are exchanged, by those of the same release, of *second*, and of the first."""
    return (
        Change("restart", "restart crowded --yes"),
        Change(DEPLOY, f"deploy crowded --source {second} --yes"),
        Change(BACK, "rollback crowded --yes"),
    )


def scalings(least: int, most: int) -> tuple[Change, ...]:
    return (
        Change(GROW, f"edit-site crowded --workers {most} --yes"),
        Change(SHRINK, f"edit-site crowded --workers {least} --yes"),
    )


def kills(turns: int) -> tuple[Change, ...]:
    """A worker that is drawn by lot is killed, once a second."""
    return (Change(f"kill -9, {turns} times", script=KILLED.format(turns=turns)),)


def reloads(turns: int, pause: float) -> Change:
    """Nginx is reloaded, *pause* seconds apart."""
    return Change(f"{turns} reloads", script=RELOADED.format(turns=turns, pause=pause))


def calm(seconds: float) -> Change:
    return Change("before", script=f"sleep {seconds}")
