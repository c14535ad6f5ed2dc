"""
cheroot, imported without what it has no use for here.

The one place that imports it, for all others.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def stand_ins(modules: Mapping[str, ModuleType | None]) -> Iterator[None]:
    """Within the block *modules* are found where nobody has imported the true ones yet."""
    lent = {name: module for name, module in modules.items() if name not in sys.modules}
    sys.modules.update(lent)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in lent:
            del sys.modules[name]


# The first would tell it its own version, the second that of OpenSSL: a quarter of a worker's
# start.  The third is nearly a MiB, for examples in the docstrings of what it needs.  It does
# without any of them; whoever needs them afterwards finds the true ones.
with stand_ins({"importlib.metadata": ModuleType("importlib.metadata"), "ssl": None}):
    importlib.import_module("cheroot._compat")
with stand_ins({"more_itertools": ModuleType("more_itertools")}):
    importlib.import_module("jaraco.functools")

from cheroot import server as http  # noqa: E402 -- only now
from cheroot import wsgi  # noqa: E402

__all__ = ["http", "wsgi"]
