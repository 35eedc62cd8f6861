"""Response streaming for ASGI apps on AWS Lambda's managed Python runtime, without another binary.

The wrapper `stream-runtime`, which `AWS_LAMBDA_EXEC_WRAPPER` names, starts this package. `LAMBDA_STREAM_APP` names
the app. The app finds Lambda's event and context in its scope (`aws.event`, `aws.context`). An app imports this
package only to register SnapStart hooks.
"""

from lambda_stream.snapstart import register_after_restore, register_before_snapshot

__all__ = ["__version__", "register_after_restore", "register_before_snapshot"]

__version__ = "1.0.0"
