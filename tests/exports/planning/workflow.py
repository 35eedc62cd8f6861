from pydantic import BaseModel
from agents import RunContextWrapper, Agent, ModelSettings, TResponseInputItem, Runner, RunConfig, trace
from openai.types.shared.reasoning import Reasoning

class TriageSchema(BaseModel):
  has_all_details: bool


class LaunchHelperContext:
  def __init__(self, state_topic: str):
    self.state_topic = state_topic
def launch_helper_instructions(run_context: RunContextWrapper[LaunchHelperContext], _agent: Agent[LaunchHelperContext]):
  state_topic = run_context.context.state_topic
  return f"""Write a plan for this topic: {state_topic}"""
launch_helper = Agent(
  name="Launch helper",
  instructions=launch_helper_instructions,
  model="gpt-5",
  model_settings=ModelSettings(
    store=True,
    reasoning=Reasoning(
      effort="medium",
      summary="auto"
    )
  )
)


rewrite = Agent(
  name="Rewrite",
  instructions="Rewrite the question as a topic.",
  model="gpt-5-nano",
  model_settings=ModelSettings(
    store=True
  )
)


triage = Agent(
  name="Triage",
  instructions="Decide whether the user has given all details.",
  model="gpt-5-nano",
  output_type=TriageSchema,
  model_settings=ModelSettings(
    store=True
  )
)


get_data = Agent(
  name="Get data",
  instructions="Ask for the missing details.",
  model="gpt-5-nano",
  model_settings=ModelSettings(
    store=True
  )
)


class WorkflowInput(BaseModel):
  input_as_text: str


# Main code entrypoint
async def run_workflow(workflow_input: WorkflowInput):
  with trace("Planning helper"):
    state = {
      "topic": None
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
    triage_result_temp = await Runner.run(
      triage,
      input=[
        *conversation_history
      ],
      run_config=RunConfig(trace_metadata={
        "__trace_source__": "agent-builder",
        "workflow_id": "wf_made_up_3"
      })
    )
    triage_result = {
      "output_text": triage_result_temp.final_output.json(),
      "output_parsed": triage_result_temp.final_output.model_dump()
    }
    if triage_result["output_parsed"]["has_all_details"] == True:
      rewrite_result_temp = await Runner.run(
        rewrite,
        input=[
          *conversation_history
        ],
        run_config=RunConfig(trace_metadata={
          "__trace_source__": "agent-builder",
          "workflow_id": "wf_made_up_3"
        })
      )
      rewrite_result = {
        "output_text": rewrite_result_temp.final_output_as(str)
      }
      state["topic"] = rewrite_result["output_text"]
      launch_helper_result_temp = await Runner.run(
        launch_helper,
        input=[
          *conversation_history
        ],
        run_config=RunConfig(trace_metadata={
          "__trace_source__": "agent-builder",
          "workflow_id": "wf_made_up_3"
        }),
        context=LaunchHelperContext(state_topic=state["topic"])
      )
      launch_helper_result = {
        "output_text": launch_helper_result_temp.final_output_as(str)
      }
      return launch_helper_result
    else:
      get_data_result_temp = await Runner.run(
        get_data,
        input=[
          *conversation_history
        ],
        run_config=RunConfig(trace_metadata={
          "__trace_source__": "agent-builder",
          "workflow_id": "wf_made_up_3"
        })
      )
      get_data_result = {
        "output_text": get_data_result_temp.final_output_as(str)
      }
      return get_data_result
