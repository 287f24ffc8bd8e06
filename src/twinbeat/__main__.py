"""`python -m twinbeat` is `twinbeat`."""

import sys

from twinbeat.cli.main import main

sys.exit(main())
