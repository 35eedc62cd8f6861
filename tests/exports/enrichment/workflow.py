from agents import WebSearchTool, Agent, ModelSettings, TResponseInputItem, Runner, RunConfig, trace
from openai.types.shared.reasoning import Reasoning
from pydantic import BaseModel

# Tool definitions
web_search_preview = WebSearchTool(
  search_context_size="medium",
  user_location={
    "type": "approximate"
  }
)
class WebResearchSchema__CompaniesItem(BaseModel):
  company_name: str
  industry: str
  founded_year: float


class WebResearchSchema(BaseModel):
  companies: list[WebResearchSchema__CompaniesItem]


class SummarizeSchema(BaseModel):
  company_name: str
  industry: str
  founded_year: float


web_research = Agent(
  name="Web research",
  instructions="Use web search to find facts about the company.",
  model="gpt-5-mini",
  tools=[
    web_search_preview
  ],
  output_type=WebResearchSchema,
  model_settings=ModelSettings(
    store=True,
    reasoning=Reasoning(
      effort="low",
      summary="auto"
    )
  )
)


summarize = Agent(
  name="Summarize",
  instructions="Put the research together in the output format.",
  model="gpt-5",
  output_type=SummarizeSchema,
  model_settings=ModelSettings(
    store=True,
    reasoning=Reasoning(
      effort="minimal",
      summary="auto"
    )
  )
)


class WorkflowInput(BaseModel):
  input_as_text: str


# Main code entrypoint
async def run_workflow(workflow_input: WorkflowInput):
  with trace("Data enrichment"):
    state = {
      "companies": [

      ]
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
    web_research_result_temp = await Runner.run(
      web_research,
      input=[
        *conversation_history
      ],
      run_config=RunConfig(trace_metadata={
        "__trace_source__": "agent-builder",
        "workflow_id": "wf_made_up_2"
      })
    )

    conversation_history.extend([item.to_input_item() for item in web_research_result_temp.new_items])

    web_research_result = {
      "output_text": web_research_result_temp.final_output.json(),
      "output_parsed": web_research_result_temp.final_output.model_dump()
    }
    state["companies"] = web_research_result["output_parsed"]["companies"]
    transform_result = {"count": len(state["companies"])}
    summarize_result_temp = await Runner.run(
      summarize,
      input=[
        *conversation_history,
        {
          "role": "user",
          "content": [
            {
              "type": "input_text",
              "text": f"Summarize the first of {transform_result['count']} companies."
            }
          ]
        }
      ],
      run_config=RunConfig(trace_metadata={
        "__trace_source__": "agent-builder",
        "workflow_id": "wf_made_up_2"
      })
    )
    summarize_result = {
      "output_text": summarize_result_temp.final_output.json(),
      "output_parsed": summarize_result_temp.final_output.model_dump()
    }
    end_result = {
      "company": summarize_result["output_parsed"]["company_name"]
    }
    return end_result
