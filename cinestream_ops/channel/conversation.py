"""
The controller's half of a conversation with one agent.

It knows nothing of what the orders mean, nor of how the two streams were opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from cinestream_ops.channel import answers, bundle
from cinestream_ops.channel.bundle import Modules, Orders
from cinestream_ops.channel.local import local
from cinestream_ops.channel.target import OPENSSH, Target
from cinestream_ops.channel.waits import within
from cinestream_ops.errors import (
    Drifted,
    Locked,
    OpsError,
    Refused,
    StrangeAnswer,
    Unreachable,
)
from cinestream_ops.state import frames

CHUNK = 256 * 1024
NONE: Orders = {}
REFUSALS: dict[str, type[Refused]] = {"refused": Refused, "drifted": Drifted, "locked": Locked}
# Seconds without a word, beyond those that an order may take: an earlier change may have to be
# undone first, and a large database be copied.
PATIENCE = 4 * 3600.0

Event = dict[str, Any]


class Streamed(Protocol):
    """Content that is read while it is sent; its *size* in bytes."""

    @property
    def size(self) -> int: ...
    def chunks(self) -> Iterator[bytes]: ...


Blob = bytes | Path | Streamed


class AgentBug(Exception):
    """The agent met what it did not expect."""


class Conversation:
    """
    One agent, wherever its streams come from; the first thing it is sent is itself.

    What the orders *ahead* need of it goes along, since it packs better in one piece.
    """

    def __init__(
        self,
        outbox: BinaryIO,
        inbox: BinaryIO,
        target: Target | None = None,
        ahead: Orders = NONE,
    ) -> None:
        self._outbox, self._inbox = outbox, inbox
        self.target = target
        self.options: Mapping[str, Any] = {}
        self.patience = PATIENCE
        self._order: Mapping[str, Any] = {}
        self._taught = bundle.foreseen(ahead)
        self._foreseen: Mapping[str, Any] | None = None
        with self._reachable():
            frames.send(outbox, bundle.first(self._taught))

    def foresee(self, order: Mapping[str, Any]) -> None:
        """Send *order* now: who is the next to ask just that gets the answer."""
        self.send(order)
        self._foreseen = order

    def send(self, order: Mapping[str, Any]) -> None:
        if self._foreseen is not None:
            self._answer(lambda _: None)  # to what nobody asked after all
        with self._reachable():
            self._teach(bundle.needed(order["do"], bundle.kinds_in(order)))
            frames.send_message(self._outbox, **order)
        if order["do"] != "commit":
            self._order = order

    def _teach(self, modules: Modules) -> None:
        if new := modules - self._taught:
            self._taught |= new
            frames.send_message(self._outbox, do="learn")
            frames.send(self._outbox, bundle.more(new))

    def ask(
        self, order: Mapping[str, Any], report: Callable[[Event], None] = lambda _: None
    ) -> Event:
        """
        The one answer to *order*; raises `Refused`, or what it is a kind of.

        *report* is told of each time the agent says that it waits.
        """
        if order != self._foreseen:
            self.send(order)
        answer = self._answer(report)
        if answer["event"] == "refused":
            raise REFUSALS[answer["kind"]](answer["why"], answer["hint"])
        if answer["event"] in answers.MIDST:
            raise StrangeAnswer(f"`{answer['event']}` in place of an answer")
        return answer

    def _answer(self, report: Callable[[Event], None]) -> Event:
        self._foreseen = None
        answer = self._hear()
        while answer["event"] == "waiting":
            report(answer)
            answer = self._hear()
        return answer

    def events(self, order: Mapping[str, Any], blobs: Mapping[str, Blob] = {}) -> Iterator[Event]:
        """
        All that the agent tells about *order*, with `refused` or its last word at the end.

        After `ready` it waits for a commit before there is more.
        """
        sizes = {name: size(blob) for name, blob in blobs.items()}
        self.send({**order, "blobs": [*sizes.items()]} if sizes else order)
        for name, blob in blobs.items():
            for chunk in exactly(blob, sizes[name]):
                with self._reachable():
                    frames.send(self._outbox, chunk)
        event = self._hear()
        while event["event"] in answers.MIDST:
            yield event
            event = self._hear()
        yield event

    def _hear(self) -> Event:
        with self._reachable():
            event = frames.receive_message(self._inbox)
        answers.sound(event, self._order)
        if event["event"] == "bug":
            raise AgentBug(event["trace"])
        return event

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        try:
            with within(self.patience + allowed(self._order)):
                yield
        except TimeoutError:
            raise Unreachable(
                "the server has not said a word for too long",
                "is it overloaded? what was left unfinished is undone before the next command",
            ) from None
        except frames.Strange as error:
            raise StrangeAnswer(f"a message that {error}") from None
        except (EOFError, OSError) as error:
            raise Unreachable(
                f"the agent on the server is gone: {error}",
                "run the command again: what was left unfinished is undone first",
            ) from error


def allowed(order: Mapping[str, Any]) -> float:
    """Seconds that *order* itself lets pass without a word."""
    if order.get("follow"):
        return float("inf")
    return float(order.get("wait") or 0) + float(order.get("timeout") or 0)


def size(blob: Blob) -> int:
    if isinstance(blob, bytes):
        return len(blob)
    return blob.stat().st_size if isinstance(blob, Path) else blob.size


def exactly(blob: Blob, announced: int) -> Iterator[bytes]:
    """Its chunks; raises `OpsError` unless they are as many bytes as the agent waits for."""
    sent = 0
    for chunk in chunks(blob):
        sent += len(chunk)
        if sent > announced:
            break
        yield chunk
    if sent != announced:
        raise OpsError(f"`{blob!s}` changed while it was read", "run the command again")


def chunks(blob: Blob) -> Iterator[bytes]:
    if isinstance(blob, bytes):
        yield from (blob[start : start + CHUNK] for start in range(0, len(blob), CHUNK))
    elif isinstance(blob, Path):
        with blob.open("rb") as file:
            yield from iter(lambda: file.read(CHUNK), b"")
    else:
        yield from blob.chunks()


@contextmanager
def converse(
    target: Target,
    ask_host_key: Callable[[Any], bool],
    *,
    ahead: Orders = NONE,
    **options: Any,
) -> Iterator[Conversation]:
    """A conversation with *target*: this machine if it has no host, else by SSH."""
    with ExitStack() as stack:
        if target.host and target.ssh == OPENSSH:
            from cinestream_ops.channel.openssh import openssh

            streams = stack.enter_context(openssh(target, **options))
        elif target.host:
            from cinestream_ops.channel.ssh import ssh

            streams = stack.enter_context(ssh(target, ask_host_key, **options))
        else:
            streams = stack.enter_context(local())
        conversation = Conversation(*streams, target, ahead)
        conversation.options = options  # for a second connection
        yield conversation
