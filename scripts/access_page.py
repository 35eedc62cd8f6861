"""Write the tables of `docs/access.md`: which identity may call what.

A test sends each request of the table with each identity. Without arguments, the command compares the page with the
tests' list. `--write` updates the page.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "access.md"
BEGIN, END = "<!-- tables: made by scripts/access_page.py -->", "<!-- end of tables -->"
COMMAND = "python scripts/access_page.py --write"


def tables() -> str:
    """Return the tables as Markdown: the identities by number, and the answers."""
    from tests.support.access import ROUTES
    from tests.support.identities import IDENTITIES

    lines = ["| number | identity | deployment for |", "|---|---|---|"]
    lines += [f"| {number} | {each.name} | {each.site} |" for number, each in enumerate(IDENTITIES, 1)]
    numbers = [str(number) for number in range(1, len(IDENTITIES) + 1)]
    lines += ["", f"| request | function | {' | '.join(numbers)} |", "|---|---|" + "---|" * len(numbers)]
    for route in ROUTES:
        cells = []
        for identity in IDENTITIES:
            status = route.answer(identity)
            cells.append("own" if status == 200 and route.kind in ("own", "admin") else str(status))
        lines.append(f"| `{route.name}` | {', '.join(route.functions)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def page_with(text: str, made: str) -> str:
    """Return a page with its tables replaced."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{made}\n\n{END}{after}"


def main() -> int:
    """Run the command line. Return 1 if the page is out of date."""
    sys.path[:0] = [str(ROOT), str(ROOT / "layers" / "agents")]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="bring the page up to date")
    text = PAGE.read_text(encoding="utf-8")
    wanted = page_with(text, tables())
    if parser.parse_args().write:
        PAGE.write_text(wanted, encoding="utf-8")
    elif wanted != text:
        print(f"docs/access.md is stale: {COMMAND}")
        return 1
    print("docs/access.md is up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
