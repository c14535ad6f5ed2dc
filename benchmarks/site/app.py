"""
The smallest application there is: what is measured is everything around it.
"""

from collections.abc import Callable, Iterable
from typing import Any


def app(_: dict[str, Any], start: Callable[..., object]) -> Iterable[bytes]:
    start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "3")])
    return [b"hi\n"]
