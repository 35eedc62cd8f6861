"""`make sbom`: write the software bill of materials of a built artifact, in CycloneDX's JSON.

It lists the packages that are in the built layer and functions, with their versions, licences and dependencies. The
same build gives the same file.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import Distribution, PackageMetadata, distributions
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
FILE = "sbom.cdx.json"
# The function with packages of its own beside the layer, and their group in pyproject.toml.
OWN_FUNCTION, OWN_GROUP = "durable_job", "durable"
# The file has no time of its own, so that two builds of the same sources have the same one. Zip files begin here too.
TIME = datetime(1980, 1, 1, tzinfo=UTC)


def bill(build: Path) -> Bom:
    """Return the bill of the packages in a build's folder.

    Raises:
        ValueError: The folder has no packages, so that it is no build.
    """
    folders = [build / "layer" / "python", build / "functions" / OWN_FUNCTION]
    found = {_name(each.metadata["Name"]): each for each in distributions(path=[str(each) for each in folders])}
    if not found:
        raise ValueError(f"{build} has no packages. Run `make build`.")
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project, groups = declared["project"], declared["dependency-groups"]
    root = Component(
        name=project["name"], version=project["version"], type=ComponentType.APPLICATION, bom_ref=project["name"]
    )
    components = {name: _component(name, found[name]) for name in sorted(found)}
    bom = Bom(components=components.values())
    bom.metadata.component, bom.metadata.timestamp = root, TIME
    bom.register_dependency(
        root, [components[name] for name in _present([*project["dependencies"], *groups[OWN_GROUP]], components)]
    )
    for name, distribution in found.items():
        needed = _present(distribution.requires or (), components)
        bom.register_dependency(components[name], [components[each] for each in needed])
    bom.serial_number = uuid5(NAMESPACE_URL, " ".join(str(each.purl) for each in components.values()))
    return bom


def _component(name: str, distribution: Distribution) -> Component:
    purl = PackageURL("pypi", None, name, distribution.version)
    metadata, licenses = distribution.metadata, LicenseFactory()
    stated = _field(metadata, "License-Expression") or _field(metadata, "License")
    # Some packages put the whole text into the field. Their classifiers then name the licence.
    if "\n" in stated or not stated:
        classifiers = [each for each in metadata.get_all("Classifier", []) if each.startswith("License :: ")]
        stated = " AND ".join(each.rpartition(" :: ")[2] for each in classifiers)
    return Component(
        name=name,
        version=distribution.version,
        type=ComponentType.LIBRARY,
        purl=purl,
        bom_ref=str(purl),
        description=_field(metadata, "Summary"),
        licenses=[licenses.make_from_string(stated)] if stated else (),
    )


def _field(metadata: PackageMetadata, name: str) -> str:
    return str((metadata.get_all(name) or [""])[0])


def _name(text: str) -> str:
    """Return a package's name in its normal form (PEP 503)."""
    return re.sub(r"[-_.]+", "-", text).lower()


def _present(requirements: Iterable[str], components: dict[str, Component]) -> list[str]:
    """Return the requirements that are in the build."""
    names = {_name(Requirement(text).name) for text in requirements}
    return sorted(names & components.keys())


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Write the software bill of materials of a build.")
    parser.add_argument("build", type=Path, help="the folder of the build, such as .build/arm64")
    folder: Path = parser.parse_args().build
    written = folder / FILE
    written.write_text(JsonV1Dot6(bill(folder)).output_as_string(indent=2) + "\n", encoding="utf-8")
    print(written)
    return 0


if __name__ == "__main__":
    sys.exit(main())
