"""
A conversation that is begun, and asked its first question, while its caller is busy.

Reaching a server is mostly waiting.  Nothing here asks the owner: where only the owner can answer,
the caller has to begin anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from threading import Thread
from typing import Any

from cinestream_ops.channel import bundle
from cinestream_ops.channel.bundle import Orders
from cinestream_ops.channel.conversation import NONE, Conversation, converse
from cinestream_ops.channel.library import load_paramiko
from cinestream_ops.channel.target import OPENSSH, Target

PATIENCE = 1.0  # seconds


class Opening:
    """
    A conversation with *target* on its way, in a thread, and *order* with it.

    *ahead* and the other *options* are those of `converse`.
    """

    def __init__(
        self,
        target: Target,
        order: Mapping[str, Any],
        *,
        ahead: Orders = NONE,
        **options: Any,
    ) -> None:
        self._stack = ExitStack()
        self._conversation: Conversation | None = None
        self._failure: BaseException | None = None
        self._options = {"ask_host_key": lambda _: False, "ahead": ahead, **options}
        self._thread = Thread(target=self._run, args=(target, order), daemon=True, name="opening")
        if not target.local and target.ssh != OPENSSH:
            load_paramiko()  # before anybody else computes, since all else waits for it
        self._thread.start()
        bundle.first(bundle.foreseen(ahead))  # packed while the server has yet to answer

    def _run(self, target: Target, order: Mapping[str, Any]) -> None:
        try:
            conversation = self._stack.enter_context(converse(target, **self._options))
            conversation.foresee(order)
            self._conversation = conversation
        except BaseException as error:  # noqa: BLE001 -- raised again where it is awaited
            self._failure = error

    def failure(self) -> BaseException | None:
        """Why there is no conversation, once that is known."""
        self._thread.join()
        return self._failure

    @contextmanager
    def conversation(self) -> Iterator[Conversation]:
        """The conversation, for as long as the block lasts; raises its `failure`."""
        failure = self.failure()
        with self._stack:
            if failure:
                raise failure
            assert self._conversation
            yield self._conversation

    def drop(self, patience: float = PATIENCE) -> None:
        """
        For a caller that does not need it: closed, if it is there within *patience* seconds.

        One that is not there yet ends with the process.
        """
        self._thread.join(patience)
        if not self._thread.is_alive():
            self._stack.close()
