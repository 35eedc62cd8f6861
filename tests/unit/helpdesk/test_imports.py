"""What importing the package costs."""

from __future__ import annotations

import subprocess
import sys


def test_importing_the_package_loads_no_sdk() -> None:
    code = (
        "import sys, helpdesk; "
        "print([name for name in ('agents', 'openai', 'boto3', 'chatkit', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": "layers/agents"}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
