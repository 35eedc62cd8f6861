"""Benchmarks against other systems. They import the layer from its folder on the path, as Lambda does."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "layers" / "agents"))
