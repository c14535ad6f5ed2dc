"""
The application: found by its name, with what it tells about itself.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cinestream_worker.errors import StartError, sentence

Readiness = Callable[[], "tuple[bool, str]"]
USUAL_NAMES = ("app", "application", "create_app", "wsgi")


@dataclass(frozen=True)
class Application:
    """What is served, and what it tells about itself."""

    wsgi: Callable[..., Iterable[bytes]]
    ready: Readiness
    metrics: Callable[[], str]


def application(target: str) -> Application:
    """
    Import `package.module:name`, or call `package.module:name()`.

    Raises `StartError` with one sentence that says what is missing, or what was raised and where.
    """
    match = re.fullmatch(r"([A-Za-z_][\w.]*):([A-Za-z_]\w*)(\(\))?", target)
    if match is None:
        raise StartError(f"`{target}` is not of the form `package.module:app`")
    module = _module(match[1])
    found = _attribute(module, match[2])
    if match[3]:
        with _telling(match[1]):
            found = found()
    return Application(
        wsgi=_wsgi(found, target),
        ready=_companion(found, module, "cinestream_ready", lambda: (True, "")),
        metrics=_companion(found, module, "cinestream_metrics", lambda: ""),
    )


def _module(name: str) -> Any:
    with _telling(name):
        return importlib.import_module(name)


def _attribute(module: Any, name: str) -> Any:
    if hasattr(module, name):
        return getattr(module, name)
    others = [f"`{other}`" for other in USUAL_NAMES if hasattr(module, other)]
    instead = f"; it has {', '.join(others)}" if others else ""
    raise StartError(f"the module `{module.__name__}` has no attribute `{name}`{instead}")


def _wsgi(found: Any, target: str) -> Callable[..., Iterable[bytes]]:
    if not callable(found):
        raise StartError(f"`{target}` is of type `{type(found).__name__}`, not a WSGI application")
    if inspect.iscoroutinefunction(found) or inspect.iscoroutinefunction(type(found).__call__):
        raise StartError(f"`{target}` is an ASGI application, and this worker serves WSGI")
    return found  # type: ignore[no-any-return]


def _companion(
    found: Any, module: Any, name: str, otherwise: Callable[[], Any]
) -> Callable[[], Any]:
    for owner in (found, module):
        companion = getattr(owner, name, None)
        if callable(companion):
            return companion  # type: ignore[no-any-return]
    return otherwise


@contextlib.contextmanager
def _telling(module: str) -> Iterator[None]:
    """Turn whatever the application's own code raises into one sentence."""
    try:
        yield
    except StartError:
        raise
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing and (module == missing or module.startswith(f"{missing}.")):
            raise StartError(f"there is no module `{missing}` in {sys.path[0]}") from error
        raise StartError(
            f"`{module}` needs the module `{missing}`, which is not there {_place(error)}"
        ) from error
    except SyntaxError as error:
        raise StartError(f"{error.filename}:{error.lineno} is not Python: {error.msg}") from error
    except (Exception, SystemExit) as error:
        raise StartError(f"`{module}` raised {sentence(error)} {_place(error)}") from error


def _place(error: BaseException) -> str:
    """
    Where it was raised: the innermost line of the application itself, or the innermost of all.
    """
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(sys.path[0] + os.sep)]
    at = (own or frames)[-1]
    return f"({at.filename}:{at.lineno})"
