"""
A program beside the site, for its owner to run.
"""

import os
import sys
import time
from pathlib import Path

sys.stdout.write(f"{os.environ['GREETING']}: {' '.join(sys.argv[1:])} in {Path.cwd()}\n")
sys.stdout.flush()
if "--stay" in sys.argv:
    time.sleep(1000)
sys.stderr.write("bye\n")
sys.exit(3)
