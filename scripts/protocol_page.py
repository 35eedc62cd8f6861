"""Write the tables of `docs/protocol.md`, which list the tests for each part of ChatKit's protocol.

Each test lists its parts in `@pytest.mark.shows(…)`, and fails if one of them does not occur. Without arguments, the
command compares the page with the tests. `--write` updates the page.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "protocol.md"
TESTS = ROOT / "tests" / "integration" / "protocol"
BEGIN, END = "<!-- tables: made by scripts/protocol_page.py -->", "<!-- end of tables -->"


def protocol() -> dict[str, list[str]]:
    """Return the names of the SDK's operations, events, items and updates, by kind."""
    from tests.support import wire_schema

    return {
        "Operations": wire_schema.OPERATIONS,
        "Events": wire_schema.EVENTS,
        "Items": wire_schema.ITEMS,
        "Updates of items": wire_schema.UPDATES,
    }


def claims(folder: Path = TESTS) -> Iterator[tuple[str, str, str]]:
    """Yield the claims of the tests: file, test and name in the protocol."""
    for path in sorted(folder.glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef):
                continue
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.shows":
                    for argument in decorator.args:
                        yield path.name, node.name, ast.literal_eval(argument)


def missing(parts: Mapping[str, Sequence[str]], shown: Sequence[tuple[str, str, str]]) -> list[str]:
    """Return the problems: names that no test shows, and claims of names that the SDK does not have."""
    names = {name for each in parts.values() for name in each}
    claimed = {name for _, _, name in shown}
    return [
        *(f"no test shows {name}" for name in sorted(names - claimed)),
        *(f"{name} is not in the protocol" for name in sorted(claimed - names)),
    ]


def tables(parts: Mapping[str, Sequence[str]], shown: Sequence[tuple[str, str, str]]) -> str:
    """Return the tables as Markdown."""
    lines: list[str] = []
    for title, names in parts.items():
        lines += [f"### {title} ({len(names)})", "", "| name | shown by |", "|---|---|"]
        for name in names:
            tests = [
                f"[{test.removeprefix('test_').replace('_', ' ')}](../tests/integration/protocol/{file})"
                for file, test, what in shown
                if what == name
            ]
            lines.append(f"| `{name}` | {'<br>'.join(tests)} |")
        lines.append("")
    return "\n".join(lines)


def page_with(text: str, made: str) -> str:
    """Return a page with its tables replaced."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{made}\n{END}{after}"


def main() -> int:
    """Run the command line. Return 1 if the page is out of date or a name has no test."""
    sys.path[:0] = [str(ROOT), str(ROOT / "layers" / "agents")]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="bring the page up to date")
    parts, shown = protocol(), list(claims())
    problems = missing(parts, shown)
    text = PAGE.read_text(encoding="utf-8")
    wanted = page_with(text, tables(parts, shown))
    if parser.parse_args().write:
        PAGE.write_text(wanted, encoding="utf-8")
    elif wanted != text:
        problems.append("docs/protocol.md is stale: python scripts/protocol_page.py --write")
    print("\n".join(problems) if problems else "docs/protocol.md is up to date")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
