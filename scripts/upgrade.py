"""`make upgrade TO=v0.2.0`: merge a release of the platform into this checkout, and say what is left to do.

Files that `make package` writes may differ on both sides. The release's are taken, and `make package` writes them anew.
Any other conflict is left for you. Nothing is deployed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from scripts.arguments import Parser, given

ROOT = Path(__file__).resolve().parent.parent
# Where the platform's releases come from, if the checkout has a remote of this name.
REMOTE = "upstream"
# What `make package` writes from the package's declaration and the platform's files.
GENERATED = (
    "uv.lock",
    "deployment.yaml",
    "layers/agents/requirements.txt",
    "functions/durable_job/requirements.txt",
)
VERSION_FILE = "layers/agents/assistant/__init__.py"
CHANGELOG = "CHANGELOG.md"
UNRELEASED = "Unreleased"
# The kinds of changes after which somebody has something to do.
TO_DO = ("Operators", "Adopters")
_VERSION = re.compile(r'^__version__ = "(\d+)\.(\d+)\.(\d+)"$', re.MULTILINE)
_HEADING = re.compile(r"^(##|###) (.+)$", re.MULTILINE)

Version = tuple[int, ...]


class UpgradeError(Exception):
    """The upgrade cannot start or go on. The message says what to do."""


class Checkout:
    """A git checkout with an agents' package.

    Args:
        root: Its folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def git(self, *words: str) -> str:
        """Return what a git command prints.

        Raises:
            UpgradeError: it fails.
        """
        done = self._run(*words)
        if done.returncode:
            raise UpgradeError(f"git {words[0]}: {(done.stderr or done.stdout).strip()}")
        return done.stdout.strip()

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = ["git", "-c", "advice.mergeConflict=false", *words]
        return subprocess.run(command, cwd=self.root, capture_output=True, text=True)  # noqa: S603

    def find(self, name: str) -> str:
        """Return the commit of a release. The releases of the remote `upstream` are fetched first.

        Raises:
            UpgradeError: there is none of that name, or the checkout has changes that are not committed.
        """
        if changed := self.git("status", "--porcelain"):
            raise UpgradeError(f"Commit or remove these changes first:\n{changed}")
        if REMOTE in self.git("remote").split():
            self.git("fetch", "--quiet", "--tags", REMOTE)
        found = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        if found.returncode:
            raise UpgradeError(
                f"There is no release {name!r} here. With the platform's repository as a remote it is fetched: "
                f"git remote add {REMOTE} ADDRESS"
            )
        return found.stdout.strip()

    def has(self, commit: str) -> bool:
        """Tell whether the checkout's branch contains a commit already."""
        return self._run("merge-base", "--is-ancestor", commit, "HEAD").returncode == 0

    def merge(self, commit: str) -> list[str]:
        """Merge a commit without committing, and return the files with conflicts that somebody has to solve."""
        self._run("merge", "--no-ff", "--no-commit", commit)
        self.git("rev-parse", "--verify", "MERGE_HEAD")
        left = self.git("diff", "--name-only", "--diff-filter=U").split("\n")
        for path in set(left) & set(GENERATED):
            self.git("checkout", "--theirs", "--", path)
            self.git("add", "--", path)
        return sorted(path for path in left if path and path not in GENERATED)

    def version_of(self, commit: str) -> Version:
        """Return the platform's version in a commit."""
        found = _VERSION.search(self.git("show", f"{commit}:{VERSION_FILE}"))
        return tuple(map(int, found.groups())) if found else ()


def notes(changelog: str, before: Version, after: Version) -> Iterator[tuple[str, str, str]]:
    """Yield what is to do after an upgrade: the release, the kind of `TO_DO`, and the text.

    Args:
        changelog: The changelog of the new release.
        before: The version before the upgrade. Its own notes are done.
        after: The version after it. Changes that are not released yet count too.
    """
    release = ""
    headings = list(_HEADING.finditer(changelog))
    for found, following in zip(headings, [*headings[1:], None], strict=True):
        level, title = found.groups()
        if level == "##":
            release = title.partition(" ")[0]
            continue
        number = tuple(int(part) for part in release.split(".") if part.isdigit())
        if title in TO_DO and (release == UNRELEASED or before < number <= after):
            yield release, title, changelog[found.end() : following.start() if following else None].strip()


def upgrade(checkout: Checkout, release: str) -> list[str]:
    """Merge a release, print what is to do, and return the files with conflicts.

    Raises:
        UpgradeError: the release is unknown, or git fails.
    """
    commit = checkout.find(release)
    if checkout.has(commit):
        raise UpgradeError(f"This checkout has {release} already.")
    before, after = checkout.version_of("HEAD"), checkout.version_of(commit)
    left = checkout.merge(commit)
    for number, kind, text in notes(checkout.git("show", f"{commit}:{CHANGELOG}"), before, after):
        print(f"\n{number}, {kind.lower()}:\n{text}")
    return left


def main() -> int:
    """Upgrade this checkout. Return 1 if something is left to solve."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=given, required=True, help="a release's tag, a branch or a commit")
    release: str = parser.parse_args().to
    checkout = Checkout(ROOT)
    try:
        left = upgrade(checkout, release)
        if left:
            print("\nBoth sides have changed:", *(f"  {path}" for path in left), sep="\n")
            print("Solve these and `git add` them. Then: make package && git add -A && git commit")
            return 1
        subprocess.run(["make", "--no-print-directory", "package"], cwd=ROOT, check=True)  # noqa: S607
        checkout.git("add", "--all")
        checkout.git("commit", "--quiet", "--message", f"Upgrade the platform to {release}")
    except (UpgradeError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"\nUpgraded to {release} in one commit. Next: make test")
    return 0


if __name__ == "__main__":
    sys.exit(main())
