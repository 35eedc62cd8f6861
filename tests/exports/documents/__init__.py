"""A remote MCP server, a `while`, a widget and two approvals."""

from assistant.workflows import workflow_agent

build_agent = workflow_agent("tests.exports.documents.workflow", outputs={"Compare": "comparison.widget"})
