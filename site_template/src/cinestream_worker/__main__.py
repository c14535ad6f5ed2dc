"""
The worker as a program: `python cinestream_worker`, from wherever it lies.
"""

import gc
import sys
from pathlib import Path

if __name__ == "__main__":
    gc.disable()  # while importing, there is nothing to collect
    # Python put a folder first on its path where it looked for us.  It is nobody's source: what is
    # in it must not stand before a module of the application.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    from cinestream_worker.command import main

    del sys.path[0]
    sys.exit(main())
