"""
Serves CineStream on one port: `python src/main.py --port 8001`, in the directory that holds `.env`.
"""

from __future__ import annotations

import sys

from showtimes import worker

if __name__ == "__main__":
    sys.exit(worker.main(["--wsgi", "showtimes.site:app", *sys.argv[1:]]))
