"""
Small programs run on our own tools, where pymongo and dnspython are.

Orders reach them as JSON on their standard input, never by argv: they may hold secrets.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any, Dict

from cinestream_ops.agent.refused import Refused
from cinestream_ops.state import paths


def ask(what: str, program: str, order: Dict[str, Any], patience: float) -> Dict[str, Any]:
    """The answer of *program* to *order*, within *patience* seconds; *what* could not be asked."""
    try:
        done = subprocess.run(
            [f"{paths.TOOLS}/bin/python", "-I", "-c", program],
            input=json.dumps(order).encode(),
            capture_output=True,
            timeout=patience,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Refused(f"{what} did not answer within {patience:g} seconds") from None
    except FileNotFoundError:
        raise Refused(f"our own tools are missing at `{paths.TOOLS}`", "run `setup`") from None
    if done.returncode:
        # The last line alone: a trace could hold what was sent.
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise Refused(f"{what} could not be asked: {''.join(last)[:300]}")
    answer: Dict[str, Any] = json.loads(done.stdout)
    return answer
