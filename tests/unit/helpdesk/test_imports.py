"""Importing the package loads no large library."""

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


def test_looking_at_a_click_loads_no_agents_sdk() -> None:
    code = (
        "import asyncio, sys, helpdesk; from chatkit.actions import Action; "
        "from assistant.context import RequestContext; "
        "from assistant.identity import Caller; from assistant.context import Resources; "
        "from assistant.settings import Settings; "
        "context = RequestContext(Caller('acme', 'ann'), Resources(Settings())); "
        "asyncio.run(helpdesk.check_action(Action(type='tasks.add', payload={'title': 'Buy milk'}), context)); "
        "print([name for name in ('agents', 'openai', 'boto3') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": "layers/agents"}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
