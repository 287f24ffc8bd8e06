"""`python -m twinbeat.node CONFIG NODE STATE-DIR SOCKET RECORD LIMIT`: what `twinbeat run` becomes.

NODE may be empty for `uname -n`, RECORD for a life that is not recorded; LIMIT is in bytes.
"""

import sys
from pathlib import Path

from .daemon import run

_, config, node, state_dir, socket, record, limit = sys.argv
recording = None
if record:
    from .recorder import Recording

    recording = Recording(Path(record), int(limit))
sys.exit(run(Path(config), node or None, Path(state_dir), Path(socket), recording))
