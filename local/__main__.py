"""`python -m local`: the dev server."""

from __future__ import annotations

import sys

from local.server import main

sys.exit(main())
