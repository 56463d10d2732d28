"""`python -m mosaic_core.cli`: the same as `mosaic`."""

import sys

from . import main

sys.exit(main())
