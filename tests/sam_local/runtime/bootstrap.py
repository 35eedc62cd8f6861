"""Stands in for the managed runtime's bootstrap.py: its sys.path, then the same runtime client."""

import os
import sys

sys.path[0:1] = [os.environ["LAMBDA_TASK_ROOT"], "/opt/python", "/var/runtime"]

from awslambdaric import bootstrap  # noqa: E402 - found through the lines above
from awslambdaric.lambda_runtime_client import LambdaRuntimeClient  # noqa: E402

bootstrap.run(os.environ["_HANDLER"], LambdaRuntimeClient(os.environ["AWS_LAMBDA_RUNTIME_API"]))
