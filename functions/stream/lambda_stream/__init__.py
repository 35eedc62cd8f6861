"""Response streaming from Python on AWS Lambda: any ASGI app, on the managed runtime, without another binary.

Start it by the wrapper `stream-runtime` (`AWS_LAMBDA_EXEC_WRAPPER`). The app is named by `LAMBDA_STREAM_APP` and
finds the Lambda event and context in its scope, under `aws.event` and `aws.context`. Only the hooks need this import.
"""

from lambda_stream.snapstart import register_after_restore, register_before_snapshot

__all__ = ["__version__", "register_after_restore", "register_before_snapshot"]

__version__ = "1.0.0"
