"""The runtime's metric: responses that ended in an error after they had started.

Lambda counts such an invocation as a success, so no other metric shows it. The metric is a log line in CloudWatch's
embedded metric format:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import os
import time

BROKEN_STREAMS = "BrokenStreams"


def broken_stream_metric(namespace: str, kind: str, request_id: str) -> str:
    """Return the log line that counts one broken response."""
    return (
        json.dumps(
            {
                "_aws": {
                    "Timestamp": int(time.time() * 1000),
                    "CloudWatchMetrics": [
                        {
                            "Namespace": namespace,
                            "Dimensions": [["FunctionName"]],
                            "Metrics": [{"Name": BROKEN_STREAMS, "Unit": "Count"}],
                        }
                    ],
                },
                "FunctionName": os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""),
                BROKEN_STREAMS: 1,
                "errorType": kind,
                "requestId": request_id,
            }
        )
        + "\n"
    )
