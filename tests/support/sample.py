"""The sample, which a team may delete together with its tests. The documents still name both."""

from __future__ import annotations

import pytest

from local.settings import ROOT

SAMPLE = "helpdesk"
HAS_SAMPLE = (ROOT / "layers" / "agents" / SAMPLE).is_dir()

# What is built for a deployment has the chosen package, and these tests say what the sample understands.
needs_sample = pytest.mark.skipif(not HAS_SAMPLE, reason="the sample has been deleted")


def is_gone(path: str) -> bool:
    """Return whether a path in a document belongs to the sample, and the sample has been deleted."""
    return not HAS_SAMPLE and SAMPLE in path.split("/")
