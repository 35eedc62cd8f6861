"""A triage that decides whether details are missing, and instructions that read the state."""

from assistant.workflows import workflow_agent

build_agent = workflow_agent(
    "tests.exports.planning.workflow", hide=["Rewrite"], models={"gpt-5-nano": None, "gpt-5": "planner-model"}
)
