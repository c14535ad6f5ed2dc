"""
Serves CineStream on one port: `python src/main.py --port 8001`, in the directory that holds `.env`.
"""

from __future__ import annotations

import gc
import sys

gc.disable()  # until it serves: while importing, there is nothing to collect

from cinestream_worker import command  # noqa: E402 -- only now

if __name__ == "__main__":
    sys.exit(command.main(["--wsgi", "showtimes.site:app", *sys.argv[1:]]))
