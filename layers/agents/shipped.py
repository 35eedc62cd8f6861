"""Checks, when the layer is built, that it has what the agents' package needs.

The layer may be for another architecture, so nothing of it is imported: its modules are read.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from declaration import Declaration

# The managed runtime and the function `stream` bring these.
OF_THE_RUNTIME = {"awslambdaric", "lambda_stream", "snapshot_restore_py"}
# What declares the package, and what tests it, is not for Lambda.
NOT_SHIPPED = (".env.example", "pyproject.toml", "requirements.txt", "stack.yaml", "tests", "evals")


def problems(layer: Path, declared: Declaration, left_out: Iterable[str]) -> Iterator[str]:
    """Yield what is wrong, a line for each problem.

    Args:
        layer: The layer's folder `python`, with the platform, the package and all libraries.
        declared: The package.
        left_out: The paths that contents.toml leaves out of the layer.
    """
    trees: dict[Path, ast.Module] = {}
    for path in sorted((layer / declared.package).rglob("*.py")):
        try:
            trees[path] = ast.parse(path.read_bytes(), str(path))
        except SyntaxError as error:
            yield f"{path.relative_to(layer)}, line {error.lineno}: {error.msg}"
    yield from _factory(layer, declared, trees)
    modules = {name.removesuffix(".py").replace("/", ".") for name in left_out}
    for path, tree in trees.items():
        for line, module in _imports(tree):
            where = f"{path.relative_to(layer)}, line {line}"
            if not _exists(layer, module.partition(".")[0]):
                yield (
                    f"{where}: the layer has no library with the module {module}. Add it to the dependencies in"
                    f" layers/agents/{declared.package}/pyproject.toml, and run `make package`."
                )
            elif any(module == name or module.startswith(f"{name}.") for name in modules):
                yield (
                    f"{where}: layers/agents/contents.toml leaves {module} out of the layer. Name its"
                    f" path there in `kept` of layers/agents/{declared.package}/pyproject.toml."
                )


def _factory(layer: Path, declared: Declaration, trees: dict[Path, ast.Module]) -> Iterator[str]:
    module, _, function = declared.factory.partition(":")
    base = layer / module.replace(".", "/")
    path = next((each for each in (base / "__init__.py", base.with_suffix(".py")) if each.is_file()), None)
    if path is None:
        yield f"AGENT_FACTORY is {declared.factory}, and the layer has no module {module}."
    elif path in trees and function not in _defined(trees[path]):
        yield f"AGENT_FACTORY is {declared.factory}, and {path.relative_to(layer)} has no {function}."


def missing_requirements(declared: Declaration) -> Iterator[str]:
    """Yield the libraries of the package that its exported requirements lack."""
    exported = declared.requirements.read_text() if declared.requirements.exists() else ""
    names = {_normal(name) for name in re.findall(r"^([A-Za-z0-9._-]+)", exported, re.MULTILINE)}
    for library in declared.libraries:
        if (found := re.match(r"[A-Za-z0-9._-]+", library)) is None or _normal(found[0]) not in names:
            yield (
                f"layers/agents/{declared.package}/requirements.txt lacks {library}, which its pyproject.toml names:"
                " run `make package`."
            )


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _defined(tree: ast.Module) -> set[str]:
    """Return the names that a module defines or imports at its top level, also below an `if` or a `try`."""
    found: set[str] = set()
    waiting: list[ast.stmt] = list(tree.body)
    while waiting:
        match node := waiting.pop():
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                found |= {each.asname or each.name for each in names}
            case ast.Assign(targets=targets):
                found |= {target.id for target in targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
            case _:
                waiting += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
    return found


def _imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield each module that is imported anywhere, except for type checkers or where the code does without it."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, each.name) for each in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield node.lineno, module
            case ast.If(test=test) if "TYPE_CHECKING" in ast.unparse(test):
                continue
            case ast.Try(handlers=handlers) if any(_catches_imports(each) for each in handlers):
                continue
            case _:
                yield from _imports(node)


def _catches_imports(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or any(
        name in ast.unparse(handler.type) for name in ("ImportError", "ModuleNotFoundError")
    )


def _exists(layer: Path, name: str) -> bool:
    return (
        name in sys.stdlib_module_names
        or name in OF_THE_RUNTIME
        or (layer / name).is_dir()
        or any(layer.glob(f"{name}.*"))
    )
