"""`python -m twinbeat.node CONFIG NODE STATE-DIR SOCKET`: what `twinbeat run` turns into.

NODE may be empty for `uname -n`.
"""

import sys
from pathlib import Path

from .daemon import run

_, config, node, state_dir, socket = sys.argv
sys.exit(run(Path(config), node or None, Path(state_dir), Path(socket)))
