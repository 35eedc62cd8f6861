"""Measurements against named peers. They import the layer as Lambda does: from its folder, on the path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "layers" / "agents"))
