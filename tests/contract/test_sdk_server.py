"""The SDK's own tests of its server, run on our store."""

import pytest
from tests.test_chatkit_server import *  # noqa: F403

pytestmark = pytest.mark.anyio
