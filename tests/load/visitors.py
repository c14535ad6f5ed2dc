"""
Visitors of a site: many connections over TLS that ask in a steady rhythm, and write down each answer.

Run as a program, with the path of its settings; it ends when its stdin does, and after the last
answer.  The standard library alone, in a process of its own, so that nobody else's work delays it.

An answer that does not come is a failure.  One case is told apart: a request that crosses with the
server's goodbye on a connection that was kept open is asked again on a new one, as every browser
does (RFC 9112, 9.3.1), and counted as such.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

PATIENCE = 60  # seconds for one answer


class NoAnswer(Exception):
    """The connection ended, and what should have come did not."""


class Goodbye(NoAnswer):
    """The connection ended before the first byte of an answer."""


@dataclass(frozen=True)
class Settings:
    """The server, who vouches for its certificates, where answers are written, and who asks."""

    address: str
    authority: str
    book: str
    visitors: list[dict[str, Any]]


@dataclass(frozen=True)
class Answer:
    status: int
    body: str
    cookie: str
    stays: bool

    @property
    def words(self) -> list[str]:
        """Process, port and release, where a worker of ours answered."""
        told = self.body.split(" ")
        return told[1:] if len(told) == 4 else ["", "", ""]


@dataclass
class Visitor:
    """One connection at a time from *source*, which asks *host* for *path* every *pause* seconds."""

    name: str
    kind: str
    source: str
    host: str
    path: str
    pause: float
    keeps: bool
    sends: int = 0  # bytes of a form
    cookie: str = ""
    asked: int = 0
    line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = field(default=None)

    @property
    def token(self) -> str:
        return f"{self.name}.{self.asked}"

    def request(self) -> bytes:
        mark = "&" if "?" in self.path else "?"
        lines = [
            f"{'POST' if self.sends else 'GET'} {self.path}{mark}token={self.token} HTTP/1.1",
            f"Host: {self.host}",
            f"Connection: {'keep-alive' if self.keeps else 'close'}",
            *([f"Cookie: {self.cookie}"] if self.cookie else []),
            *([f"Content-Length: {self.sends}"] if self.sends else []),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + b"x" * self.sends


class Crowd:
    """All visitors, for as long as nobody has had enough."""

    def __init__(self, settings: Settings, book: TextIO) -> None:
        self.settings = settings
        self.enough = asyncio.Event()
        self._book = book
        self._trust = ssl.create_default_context(cafile=settings.authority)

    async def come(self) -> None:
        visitors = [Visitor(**each) for each in self.settings.visitors]
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            for number, visitor in enumerate(visitors):
                # Spread over the first pause, so that they do not all ask at once for ever.
                group.create_task(self._stay(visitor, visitor.pause * number / len(visitors)))

    async def _listen(self) -> None:
        await asyncio.to_thread(sys.stdin.read)
        self.enough.set()

    async def _stay(self, visitor: Visitor, delay: float) -> None:
        due = time.monotonic() + delay
        while not await self._over(due):
            await self._ask(visitor)
            due = max(due + visitor.pause, time.monotonic())
        self._hang_up(visitor)

    async def _over(self, due: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.enough.wait(), max(due - time.monotonic(), 0))
        return self.enough.is_set()

    async def _ask(self, visitor: Visitor) -> None:
        visitor.asked += 1
        self._leave_if_told(visitor)
        began, crossed = time.monotonic(), False
        try:
            async with asyncio.timeout(PATIENCE):
                answer, crossed = await self._answered(visitor)
            row = [answer.status, *answer.words, crossed, fault(answer, visitor.token)]
            visitor.cookie = answer.cookie or visitor.cookie
        except (OSError, NoAnswer, ValueError) as error:
            row = [0, "", "", "", crossed, f"{type(error).__name__}: {error}"]
            self._hang_up(visitor)
        whose = [visitor.kind, visitor.name, visitor.source]
        self._book.write(json.dumps([*whose, began, time.monotonic() - began, *row]) + "\n")

    async def _answered(self, visitor: Visitor) -> tuple[Answer, bool]:
        """The answer, and whether it had to be asked for again."""
        kept = visitor.line is not None
        try:
            return await self._answer(visitor), False
        except (Goodbye, ConnectionError):
            self._hang_up(visitor)
            if not kept:
                raise
            return await self._answer(visitor), True

    async def _answer(self, visitor: Visitor) -> Answer:
        if visitor.line is None:
            visitor.line = await asyncio.open_connection(
                self.settings.address,
                443,
                ssl=self._trust,
                server_hostname=visitor.host,
                local_addr=(visitor.source, 0),
            )
        reader, writer = visitor.line
        writer.write(visitor.request())
        await writer.drain()
        answer = await read(reader)
        if not (answer.stays and visitor.keeps):
            self._hang_up(visitor)
        return answer

    def _leave_if_told(self, visitor: Visitor) -> None:
        """A server may say goodbye to a silent connection: no request is on it (RFC 9112, 9.6)."""
        if visitor.line is not None and visitor.line[0].at_eof():
            self._hang_up(visitor)

    def _hang_up(self, visitor: Visitor) -> None:
        if visitor.line is not None:
            visitor.line[1].close()
            visitor.line = None


async def read(reader: asyncio.StreamReader) -> Answer:
    """One answer whole.  Raises `NoAnswer` when the connection ends before it does."""
    first = await reader.read(1)
    if not first:
        raise Goodbye("the end, and no answer")
    try:
        rest = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status, *lines = (first.decode("latin-1") + rest).rstrip().split("\r\n")
        headers = dict(pairs(lines))
        body = await reader.readexactly(int(headers["content-length"]))
    except (asyncio.IncompleteReadError, ConnectionError):
        raise NoAnswer("half an answer, and the end") from None
    except KeyError:
        raise NoAnswer("an answer without a length") from None
    return Answer(
        status=int(status.split(" ")[1]),
        body=body.decode(),
        cookie=headers.get("set-cookie", "").partition(";")[0],
        stays=headers.get("connection", "").lower() != "close",
    )


def pairs(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, _, value = line.partition(":")
        yield name.lower(), value.strip()


def fault(answer: Answer, token: str) -> str:
    """What is wrong with *answer*, if anything."""
    if answer.status != 200:
        return f"status {answer.status}"
    if answer.body.split(" ")[0] != token:
        return f"the page of another: {answer.body[:80]!r}"
    return ""


def main() -> None:
    # On a machine that they share with the server, they are not to wait for their own turn.
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    settings = Settings(**json.loads(Path(sys.argv[1]).read_text()))
    with Path(settings.book).open("w") as book:
        asyncio.run(Crowd(settings, book).come())


if __name__ == "__main__":
    main()
