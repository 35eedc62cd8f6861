"""Keep what the SDKs import and a turn does not use from loading. `LAZY_IMPORTS=false` switches it off.

The SDKs import much at their top that a usual turn never calls. `assistant.lazy_places` names each place. While such a
module loads, it gets a stand-in for one import. The stand-in loads the real object when it is used. All other modules
get the real one.

A finder at the front of `sys.meta_path` does this, so no file of an SDK is changed. If an SDK's update no longer
imports what the table says, the SDK loads as without this file, and a test fails. From Python 3.15 on, lazy imports
(PEP 810) can replace this file.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.machinery import PathFinder, SourceFileLoader
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from assistant.settings import FALSE

if TYPE_CHECKING:
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec

# `from .module import Name as Name`, or the same with several names in parentheses: all that openai's packages of types
# consist of.
_REEXPORT = re.compile(r"^from (\.\w+) import (?:\(([^)]*)\)|([^(\n]+))\n", re.MULTILINE)
_NO_REEXPORT = re.compile(r"^(?:#.*|from __future__ .*|\s*)\n", re.MULTILINE)


class _View(ModuleType):
    """A module as one importer sees it while that importer loads: some names are stand-ins."""

    def __init__(self, name: str, importer: str, names: Mapping[str, Callable[[], Any]]) -> None:
        super().__init__(name)
        self.__dict__["_seen"] = importer, names, sys.modules.get(name)

    def __getattr__(self, name: str) -> Any:
        importer, names, real = self.__dict__["_seen"]
        asks = sys._getframe(1).f_globals.get("__name__")
        if asks == importer and name in names:
            return names[name]()
        if asks == importer and name == "__path__":
            # `from package import name` asks for it first. Without it, the name must be an attribute, as here it is.
            raise AttributeError(name)
        if real is None:
            real = self.__dict__["_seen"][2] or self._load()
        return getattr(real, name)

    def _load(self) -> ModuleType:
        """Load the real module: another importer asks for it, or the importer asks for a name without a stand-in."""
        importer, names, _ = self.__dict__["_seen"]
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        real = importlib.import_module(self.__name__)
        self.__dict__["_seen"] = importer, names, real
        return real


@dataclass(frozen=True)
class Place:
    """A module of an SDK and how it loads.

    Attributes:
        stand_ins: By imported module and name, what returns the stand-in.
        after: Changes the module after it has loaded.
        reexports: Whether the module only re-exports names, which are then imported one by one, on first use.
    """

    stand_ins: Mapping[str, Mapping[str, Callable[[], Any]]] = field(default_factory=dict)
    after: Callable[[ModuleType], None] | None = None
    reexports: bool = False


# Python asks only for the methods. `importlib.abc`, which has base classes, imports `importlib.resources`.
class _Loader:
    def __init__(self, real: Loader, place: Place) -> None:
        self._real = real
        self._place = place

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._real.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # For everybody else the module has its usual loader.
        if module.__spec__ is not None:
            module.__spec__.loader = self._real
        module.__loader__ = self._real
        if self._place.reexports and _load_reexports(module, self._real):
            return
        with _views(module.__name__, self._place):
            self._real.exec_module(module)
        if self._place.after is not None:
            self._place.after(module)


@contextmanager
def _views(importer: str, place: Place) -> Iterator[None]:
    before = {name: sys.modules.get(name) for name in place.stand_ins}
    views = {name: _View(name, importer, names) for name, names in place.stand_ins.items()}
    sys.modules.update(views)
    try:
        yield
    finally:
        for name, view in views.items():
            known = before[name]
            if sys.modules.get(name) is not view:
                continue
            if known is None:
                del sys.modules[name]
            else:
                sys.modules[name] = known


def _load_reexports(module: ModuleType, loader: Loader) -> bool:
    """Give a package its names one by one; tell whether it consists of re-exports alone."""
    source = loader.get_source(module.__name__) if isinstance(loader, SourceFileLoader) else None
    if source is None or _NO_REEXPORT.sub("", _REEXPORT.sub("", source)):
        return False
    where: dict[str, tuple[str, str]] = {}
    for submodule, several, one in _REEXPORT.findall(source):
        for part in (several or one).split(","):
            name, _, alias = part.strip().partition(" as ")
            if name:
                where[alias or name] = (submodule, name)

    def get(name: str) -> Any:
        if name not in where:
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
        submodule, original = where[name]
        value = getattr(importlib.import_module(submodule, module.__name__), original)
        setattr(module, name, value)
        return value

    module.__dict__["__getattr__"] = get
    module.__dict__["__dir__"] = lambda: sorted({*module.__dict__, *where})
    return True


class Finder:
    """Finds the modules of a table, and lets Python's own finders find all others."""

    def __init__(self, places: Mapping[str, Place]) -> None:
        self._places = places

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module of the table, with a loader that gives it its stand-ins."""
        place = self._places.get(fullname)
        if place is None:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = cast("Loader", _Loader(spec.loader, place))
        return spec


def install(places: Mapping[str, Place]) -> None:
    """Install the finder, unless `LAZY_IMPORTS` is off. The settings are not read yet: they are imported later."""
    if os.environ.get("LAZY_IMPORTS", "").strip().lower() not in FALSE:
        sys.meta_path.insert(0, Finder(places))
