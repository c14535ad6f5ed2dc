"""
Whether the clocks of the server and of this machine agree.

Pure: how far they are apart is measured by who looks.
"""

from __future__ import annotations

Finding = dict[str, str]

AGREE = 120  # seconds; an answer that had to wait for us is not that old
SPANS = ((2 * 86_400, 86_400, "days"), (2 * 3600, 3600, "hours"), (0, 60, "minutes"))


def findings(ahead: float) -> list[Finding]:
    """A warning where the server's clock is *ahead* of ours, or behind it (seconds)."""
    if abs(ahead) < AGREE:
        return []
    side = "ahead of" if ahead > 0 else "behind"
    what = f"the server's clock is {span(abs(ahead))} {side} this machine's"
    hint = (
        "see with `date -u` which of them is wrong, and keep it by `systemd-timesyncd` or "
        "`chrony`: with a wrong clock a server cannot tell which certificates are valid"
    )
    return [{"level": "warn", "what": what, "hint": hint}]


def span(seconds: float) -> str:
    """In the largest unit of which it is two or more."""
    _, unit, name = next(each for each in SPANS if seconds >= each[0])
    return f"{round(seconds / unit)} {name}"
