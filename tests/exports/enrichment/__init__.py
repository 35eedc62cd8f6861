"""Web research with a structured output, and a structured output that the chat shows as text."""

from typing import Any

from assistant.workflows import workflow_agent


def company_card(company: Any) -> str:
    """Return the text that shows a company."""
    return f"**{company.company_name}**: {company.industry}, founded {company.founded_year:.0f}"


build_agent = workflow_agent("tests.exports.enrichment.workflow", outputs={"Summarize": company_card})
