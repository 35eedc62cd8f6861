"""File search and the code interpreter, at OpenAI."""

from assistant.workflows import workflow_agent

build_agent = workflow_agent("tests.exports.data_questions.workflow")
