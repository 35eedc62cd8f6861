"""Read the stack.yaml of an agents' package, and say in one line what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import yaml

from local.template import MACRO, Node, load_template


def read_own_stack(path: Path) -> Node:
    """Return the template of a package's own stack.

    Raises:
        DeclarationError: it is no template.
    """
    from declaration import DeclarationError

    where = f"layers/agents/{path.parent.name}/{path.name}"
    try:
        template: object = load_template(path)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise DeclarationError(f"{where}{line}: {error.problem}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DeclarationError(f"{where} is no YAML: {' '.join(str(error).split())}") from None
    if template is None:
        raise DeclarationError(f"{where} is empty: give it Resources, or delete it.")
    if not isinstance(template, dict):
        raise DeclarationError(f"{where} must be a mapping with Resources.")
    if not template.get("Resources"):
        raise DeclarationError(f"{where}: Resources must be a mapping with one resource or more.")
    for section in ("Parameters", "Resources", "Outputs"):
        _check(where, section, template.get(section, {}))
    return template


def _check(where: str, section: str, entries: object) -> None:
    from declaration import DeclarationError

    if not isinstance(entries, dict):
        raise DeclarationError(f"{where}: {section} must be a mapping.")
    for name, body in entries.items():
        if not isinstance(name, str):
            raise DeclarationError(f"{where}: {section} has the name {name!r}, which must be text.")
        if section == "Outputs" or name.startswith(MACRO):
            continue
        if not isinstance(body, dict) or not isinstance(body.get("Type"), str):
            raise DeclarationError(f"{where}: {name} in {section} needs a Type.")
