from agents import FileSearchTool, CodeInterpreterTool, Agent, ModelSettings, TResponseInputItem, Runner, RunConfig, trace
from pydantic import BaseModel
from openai.types.shared.reasoning import Reasoning

# Tool definitions
file_search = FileSearchTool(
  vector_store_ids=[
    "vs_made_up"
  ]
)
code_interpreter = CodeInterpreterTool(tool_config={
  "type": "code_interpreter",
  "container": {
    "type": "auto",
    "file_ids": [

    ]
  }
})
class KindSchema(BaseModel):
  kind: str


kind = Agent(
  name="Kind",
  instructions="Is it a question on documents or on figures?",
  model="gpt-4.1-mini",
  output_type=KindSchema,
  model_settings=ModelSettings(
    temperature=0
  )
)


internal_questions = Agent(
  name="Internal questions",
  instructions="Answer from the files.",
  model="gpt-4.1",
  tools=[
    file_search
  ],
  model_settings=ModelSettings(
    temperature=1,
    top_p=1,
    max_tokens=2048,
    store=True
  )
)


figures = Agent(
  name="Figures",
  instructions="Compute the answer with code.",
  model="gpt-5",
  tools=[
    code_interpreter
  ],
  model_settings=ModelSettings(
    store=True,
    reasoning=Reasoning(
      effort="low",
      summary="auto"
    )
  )
)


class WorkflowInput(BaseModel):
  input_as_text: str


# Main code entrypoint
async def run_workflow(workflow_input: WorkflowInput):
  with trace("Structured data"):
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
    kind_result_temp = await Runner.run(
      kind,
      input=[
        *conversation_history
      ],
      run_config=RunConfig(trace_metadata={
        "__trace_source__": "agent-builder",
        "workflow_id": "wf_made_up_4"
      })
    )

    conversation_history.extend([item.to_input_item() for item in kind_result_temp.new_items])

    kind_result = {
      "output_text": kind_result_temp.final_output.json(),
      "output_parsed": kind_result_temp.final_output.model_dump()
    }
    if kind_result["output_parsed"]["kind"] == "documents":
      internal_questions_result_temp = await Runner.run(
        internal_questions,
        input=[
          *conversation_history
        ],
        run_config=RunConfig(trace_metadata={
          "__trace_source__": "agent-builder",
          "workflow_id": "wf_made_up_4"
        })
      )

      conversation_history.extend([item.to_input_item() for item in internal_questions_result_temp.new_items])

      internal_questions_result = {
        "output_text": internal_questions_result_temp.final_output_as(str)
      }
      return internal_questions_result
    else:
      figures_result_temp = await Runner.run(
        figures,
        input=[
          *conversation_history
        ],
        run_config=RunConfig(trace_metadata={
          "__trace_source__": "agent-builder",
          "workflow_id": "wf_made_up_4"
        })
      )

      conversation_history.extend([item.to_input_item() for item in figures_result_temp.new_items])

      figures_result = {
        "output_text": figures_result_temp.final_output_as(str)
      }
      return figures_result
