"""
`python -m gather.tethered MODULE DESCRIPTOR`: runs MODULE for as long as our parent lives.

The descriptor is the reading end of a pipe whose other end only the parent holds; however it dies,
the pipe ends, and nobody is left behind who spends its money.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading


def leave_with(descriptor: int) -> None:
    os.read(descriptor, 1)
    # It ends by this, if it does not see to it that something is called off first.
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    module, descriptor = sys.argv[1], int(sys.argv[2])
    threading.Thread(target=leave_with, args=(descriptor,), daemon=True).start()
    del sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
