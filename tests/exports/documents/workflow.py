from agents import HostedMCPTool, Agent, ModelSettings, TResponseInputItem, Runner, RunConfig, trace
from pydantic import BaseModel

# Tool definitions
mcp = HostedMCPTool(tool_config={
  "type": "mcp",
  "server_label": "shop",
  "allowed_tools": [
    "buy"
  ],
  "require_approval": "always",
  "server_url": "https://mcp.example.com/mcp"
})
class ReadSchema(BaseModel):
  more: bool


class CompareSchema(BaseModel):
  title: str
  verdict: str


read = Agent(
  name="Read",
  instructions="Read the next document.",
  model="gpt-4.1",
  output_type=ReadSchema,
  model_settings=ModelSettings(
    temperature=1,
    store=True
  )
)


compare = Agent(
  name="Compare",
  instructions="Compare the documents.",
  model="gpt-4.1",
  output_type=CompareSchema,
  model_settings=ModelSettings(
    temperature=1,
    store=True
  )
)


approve = Agent(
  name="Approve",
  instructions="Propose what to do with the result.",
  model="gpt-4.1",
  model_settings=ModelSettings(
    temperature=1,
    store=True
  )
)


act = Agent(
  name="Act",
  instructions="Do what was approved.",
  model="gpt-4.1",
  tools=[
    mcp
  ],
  model_settings=ModelSettings(
    temperature=1,
    parallel_tool_calls=True,
    store=True
  )
)


reject = Agent(
  name="Reject",
  instructions="Say that nothing was done.",
  model="gpt-4.1",
  model_settings=ModelSettings(
    temperature=1,
    store=True
  )
)


def approval_request(message: str):
  # TODO: Implement
  return True

class WorkflowInput(BaseModel):
  input_as_text: str


# Main code entrypoint
async def run_workflow(workflow_input: WorkflowInput):
  with trace("Document comparison"):
    state = {
      "more": True,
      "read": 0
    }
    workflow = workflow_input.model_dump()
    conversation_history: list[TResponseInputItem] = [
      {
        "role": "user",
        "content": [
          {
            "type": "input_text",
            "text": workflow["input_as_text"]
          }
        ]
      }
    ]
    while state["more"]:
      read_result_temp = await Runner.run(
        read,
        input=[
          *conversation_history
        ],
        run_config=RunConfig(trace_metadata={
          "__trace_source__": "agent-builder",
          "workflow_id": "wf_made_up_5"
        })
      )

      conversation_history.extend([item.to_input_item() for item in read_result_temp.new_items])

      read_result = {
        "output_text": read_result_temp.final_output.json(),
        "output_parsed": read_result_temp.final_output.model_dump()
      }
      state["more"] = read_result["output_parsed"]["more"]
      state["read"] = state["read"] + 1
    compare_result_temp = await Runner.run(
      compare,
      input=[
        *conversation_history
      ],
      run_config=RunConfig(trace_metadata={
        "__trace_source__": "agent-builder",
        "workflow_id": "wf_made_up_5"
      })
    )

    conversation_history.extend([item.to_input_item() for item in compare_result_temp.new_items])

    compare_result = {
      "output_text": compare_result_temp.final_output.json(),
      "output_parsed": compare_result_temp.final_output.model_dump()
    }
    approve_result_temp = await Runner.run(
      approve,
      input=[
        *conversation_history
      ],
      run_config=RunConfig(trace_metadata={
        "__trace_source__": "agent-builder",
        "workflow_id": "wf_made_up_5"
      })
    )

    conversation_history.extend([item.to_input_item() for item in approve_result_temp.new_items])

    approve_result = {
      "output_text": approve_result_temp.final_output_as(str)
    }
    approval_message = f"Shall I act on this? {compare_result['output_parsed']['verdict']}"

    if approval_request(approval_message):
        act_result_temp = await Runner.run(
          act,
          input=[
            *conversation_history
          ],
          run_config=RunConfig(trace_metadata={
            "__trace_source__": "agent-builder",
            "workflow_id": "wf_made_up_5"
          })
        )

        conversation_history.extend([item.to_input_item() for item in act_result_temp.new_items])

        act_result = {
          "output_text": act_result_temp.final_output_as(str)
        }
        return act_result
    else:
        reject_result_temp = await Runner.run(
          reject,
          input=[
            *conversation_history
          ],
          run_config=RunConfig(trace_metadata={
            "__trace_source__": "agent-builder",
            "workflow_id": "wf_made_up_5"
          })
        )
        end_result = {
          "message": "Nothing was done."
        }
        return end_result
