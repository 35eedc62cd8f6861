"""Load the ASGI app, and the modules that libraries would otherwise import in the first request."""

from __future__ import annotations

import importlib
import os
import site
import sys

from lambda_stream.bridge import App
from lambda_stream.faults import Fault

LAZY_IMPORTS = {
    "anyio": ("anyio._backends._asyncio", "anyio.to_thread", "concurrent.futures.thread"),
    "starlette": ("starlette.formparsers",),
}
"""The modules that a library imports only at its first use. Importing them during init is faster: Lambda runs an init
at full speed and, with SnapStart, only once."""


class AppError(Exception):
    """The app cannot be loaded.

    Attributes:
        fault: the report to Lambda, with the error types of awslambdaric.
    """

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def extend_path(task_root: str, runtime_dir: str) -> None:
    """Add the folders to the path that Lambda's bootstrap would add: the function, its layers, the runtime's libraries.

    Their order is significant.
    """
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    layers = [f"/opt/python/lib/{version}/site-packages", "/opt/python"]
    missing = [folder for folder in layers if folder not in sys.path]
    others = [folder for folder in sys.path if folder not in (task_root, "")]
    sys.path[:] = [folder for folder in (task_root, *missing, *others) if folder]
    if runtime_dir and runtime_dir not in sys.path:
        sys.path.append(runtime_dir)
    # `.pth` files in the function or a layer work, as with Lambda's bootstrap.
    for folder in (task_root, *missing):
        if os.path.isdir(folder):
            site.addsitedir(folder)


def load_app(name: str) -> App:
    """Import the app that `module:attribute` names, and its lazy imports.

    Raises:
        AppError: The app cannot be loaded.
    """
    module_name, colon, attribute = name.partition(":")
    if not (module_name and colon and attribute):
        raise AppError(Fault("Runtime.MalformedHandlerName", f"Bad app {name!r}: it is not module:attribute"))
    try:
        found: object = importlib.import_module(module_name)
    except SyntaxError as error:
        raise AppError(Fault.of(error, "Runtime.UserCodeSyntaxError")) from error
    except ImportError as error:
        raise AppError(Fault.of(error, "Runtime.ImportModuleError")) from error
    except BaseException as error:
        # Also catches sys.exit(), of which Lambda would only see the end of the process.
        raise AppError(Fault.of(error)) from error
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            message = f"App {attribute!r} missing on module {module_name!r}"
            raise AppError(Fault("Runtime.HandlerNotFound", message)) from None
    if not callable(found):
        raise AppError(Fault("Runtime.HandlerNotFound", f"{name!r} is no ASGI app: it cannot be called"))
    for library, modules in LAZY_IMPORTS.items():
        if library in sys.modules:
            for module in modules:
                importlib.import_module(module)
    return found
