"""A classifier, guardrails, and one agent for each kind of question."""

from assistant.workflows import workflow_agent

build_agent = workflow_agent("tests.exports.customer_service.workflow")
