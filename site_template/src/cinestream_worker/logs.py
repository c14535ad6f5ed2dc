"""
What a worker writes: lines of `key=value`, as journald and a person can read them.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Mapping
from contextvars import ContextVar

from cinestream_worker.errors import StartError

request_id: ContextVar[str] = ContextVar("request_id", default="")
access = logging.getLogger("access")
log = logging.getLogger("worker")

# sd-daemon(3): journald reads the priority from the front of the line.
PRIORITIES = ((logging.ERROR, "<3>"), (logging.WARNING, "<4>"), (logging.INFO, "<6>"), (0, "<7>"))


class Line(logging.Formatter):
    """One line of `key=value` for each record, whatever its text holds."""

    def __init__(self, *, journal: bool) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", None) or {"message": record.getMessage()}
        words = {
            "level": record.levelname.lower(),
            "log": record.name,
            "request": request_id.get(),
            **fields,
        }
        if record.exc_info:
            words["traceback"] = self.formatException(record.exc_info)
        text = " ".join(f"{key}={_quoted(value)}" for key, value in words.items() if value != "")
        return f"{self._priority(record.levelno)}{text}"

    def _priority(self, level: int) -> str:
        if not self._journal:
            return ""
        return next(mark for least, mark in PRIORITIES if level >= least)


def _quoted(value: object) -> str:
    text = str(value)
    return text if re.fullmatch(r"[\w./:@%+,~-]+", text) else json.dumps(text, ensure_ascii=False)


def start_logging(environ: Mapping[str, str]) -> None:
    """Access lines to stdout, all others to stderr; journald adds the time."""
    level = environ.get("LOG_LEVEL", "INFO").upper()
    if level not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        raise StartError("LOG_LEVEL is none of DEBUG, INFO, WARNING, ERROR")
    line = Line(journal="JOURNAL_STREAM" in environ)
    for logger, stream in ((logging.getLogger(), sys.stderr), (access, sys.stdout)):
        handler = logging.StreamHandler(stream)
        handler.setFormatter(line)
        logger.handlers[:] = [handler]
        logger.setLevel(level)
    access.propagate = False
