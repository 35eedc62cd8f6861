"""Print a template after SAM's transform, for linters that check the deployed resources.

Run with the Python of SAM's environment, which has its translator:

    .envs/sam/bin/python -m local.transform template.yaml GradualDeployment=true
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

# The transform needs the code in a bucket. The bucket's name does not matter here.
CODE = "s3://bucket/key"
REGION = "us-east-1"


class _Session:
    """The part of a boto3 session that the translator uses: the region and its partition."""

    region_name = REGION


def transform(path: Path, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return a template with SAM's resources replaced by CloudFormation's."""
    template = yaml_parse(path.read_text())
    for resource in template["Resources"].values():
        for name in ("CodeUri", "ContentUri"):
            if name in resource.get("Properties", {}):
                resource["Properties"][name] = CODE
    made: dict[str, Any] = Translator({}, Parser(), boto_session=_Session()).translate(template, dict(parameters))
    return made


if __name__ == "__main__":
    template, *given = sys.argv[1:]
    print(json.dumps(transform(Path(template), dict(argument.split("=", 1) for argument in given)), indent=2))
