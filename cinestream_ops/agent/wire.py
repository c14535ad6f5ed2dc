"""
The agent's end of the conversation.

It may not be used for a secret: everything told here is shown, logged or both.
"""

from __future__ import annotations

from typing import Any, BinaryIO, Dict

from cinestream_ops.agent.stops import Stops
from cinestream_ops.state import frames


class Wire:
    """Orders come in, events go out; `EOFError` once the other side is gone."""

    def __init__(self, inbox: BinaryIO, outbox: BinaryIO, stops: Stops) -> None:
        self.inbox, self.outbox, self.stops = inbox, outbox, stops

    def hear(self, patience: float = 0) -> Dict[str, Any]:
        """The next order, within *patience* seconds if that is not 0."""
        with self.stops.allowed(patience):
            return frames.receive_message(self.inbox)

    def tell(self, event: str, **details: Any) -> None:
        try:
            frames.send_message(self.outbox, event=event, **details)
        except (OSError, ValueError) as error:
            if not self.stops.nobody_listens:
                raise EOFError("the controller hung up") from error
