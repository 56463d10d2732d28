"""`python -m mosaic_core.worker`: be the GPU process."""

import sys

from .server import main

sys.exit(main())
