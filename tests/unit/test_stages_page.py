"""The stage that `docs/stages.md` adds has what the stages of `samconfig.toml` have."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from local.settings import ROOT
from local.template import load_template


def test_the_stage_of_the_page_has_the_settings_of_prod_and_known_parameters() -> None:
    page = (ROOT / "docs" / "stages.md").read_text(encoding="utf-8")
    [added] = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    staging: dict[str, Any] = tomllib.loads(added)["staging"]
    prod: dict[str, Any] = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))["prod"]
    assert staging.keys() == prod.keys()
    for command, settings in prod.items():
        assert settings["parameters"].keys() <= staging[command]["parameters"].keys()
    overrides = staging["deploy"]["parameters"]["parameter_overrides"]
    assert {each.partition("=")[0] for each in overrides} <= load_template()["Parameters"].keys()
    names = {staging["global"]["parameters"]["stack_name"], staging["deploy"]["parameters"]["s3_prefix"]}
    assert names == {"chatkit-staging"}
