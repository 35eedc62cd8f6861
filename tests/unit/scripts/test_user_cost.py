"""The table of what one user can cost in an hour is made from the template's defaults, and the page has it as it is."""

from __future__ import annotations

from local.settings import ROOT
from local.template import load_template
from scripts.user_cost import table

BEGIN, END = "<!-- table: made by scripts/user_cost.py -->", "<!-- end of table -->"


def test_the_page_has_the_table_of_the_defaults() -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    assert page.partition(BEGIN)[2].partition(END)[0].strip() == table(load_template())


def test_a_default_deployment_has_a_finite_number_in_each_row() -> None:
    assert "None" not in table(load_template())
    template = load_template()
    template["Parameters"]["QuotaSpendPerDay"]["Default"] = "7"
    assert "7.00 + 0.250 + 3 x" in table(template)
