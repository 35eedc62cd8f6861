"""The process that `stream-runtime` starts instead of Lambda's bootstrap."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable

from lambda_stream.apps import extend_path
from lambda_stream.faults import Fault
from lambda_stream.logs import setup_logging
from lambda_stream.loop import InitFailed, Runtime
from lambda_stream.runtime_api import RuntimeApi, RuntimeApiError
from lambda_stream.settings import SettingsError, load_settings

EXIT_NO_WORK = 1


def main() -> int:
    """Run the runtime and return the process's exit code."""
    try:
        settings = load_settings(os.environ)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        address = os.environ.get("AWS_LAMBDA_RUNTIME_API")
        if address:
            asyncio.run(RuntimeApi(address).init_error(Fault("Runtime.InvalidSettings", str(error))))
        return EXIT_NO_WORK
    extend_path(settings.task_root, settings.runtime_dir)
    sink = setup_logging(json_logs=settings.json_logs, level=settings.log_level)
    runtime = Runtime(settings, sink)
    try:
        # Do not close the runner: closing would wait for an app that ignores its cancellation.
        asyncio.Runner(loop_factory=_loop_factory()).run(runtime.run())
    except InitFailed as error:
        return error.exit_code
    except RuntimeApiError as error:
        logging.getLogger("lambda_stream").error("%s", error)
        return EXIT_NO_WORK
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    # Not sys.exit(), which would wait for threads that the app has started.
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
