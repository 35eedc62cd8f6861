from agents import function_tool, Agent, ModelSettings, TResponseInputItem, Runner, RunConfig, trace
from openai import AsyncOpenAI
from types import SimpleNamespace
from guardrails.runtime import load_config_bundle, instantiate_guardrails, run_guardrails
from pydantic import BaseModel

# Tool definitions
@function_tool
def order_status(order_number: str):
  return f"Order {order_number} left the warehouse yesterday."

# Shared client for guardrails and file search
client = AsyncOpenAI()
ctx = SimpleNamespace(guardrail_llm=client)
# Guardrails definitions
guardrails_config = {
  "guardrails": [
    {
      "name": "Contains PII",
      "config": {
        "block": False,
        "entities": [
          "EMAIL_ADDRESS"
        ]
      }
    },
    {
      "name": "Keyword Filter",
      "config": {
        "keywords": [
          "bomb"
        ]
      }
    }
  ]
}

def guardrails_has_tripwire(results):
    return any((hasattr(r, "tripwire_triggered") and (r.tripwire_triggered is True)) for r in (results or []))

def get_guardrail_safe_text(results, fallback_text):
    for r in (results or []):
        info = (r.info if hasattr(r, "info") else None) or {}
        if isinstance(info, dict) and ("checked_text" in info):
            return info.get("checked_text") or fallback_text
    return fallback_text

async def scrub_conversation_history(history, config):
    try:
        guardrails = (config or {}).get("guardrails") or []
        pii = next((g for g in guardrails if (g or {}).get("name") == "Contains PII"), None)
        if not pii:
            return
        pii_only = {"guardrails": [pii]}
        for msg in (history or []):
            content = (msg or {}).get("content") or []
            for part in content:
                if isinstance(part, dict) and part.get("type") == "input_text" and isinstance(part.get("text"), str):
                    res = await run_guardrails(ctx, part["text"], "text/plain", instantiate_guardrails(load_config_bundle(pii_only)), suppress_tripwire=True, raise_guardrail_errors=True)
                    part["text"] = get_guardrail_safe_text(res, part["text"])
    except Exception:
        pass

async def scrub_workflow_input(workflow, input_key, config):
    try:
        guardrails = (config or {}).get("guardrails") or []
        pii = next((g for g in guardrails if (g or {}).get("name") == "Contains PII"), None)
        if not pii:
            return
        value = workflow.get(input_key)
        if not isinstance(value, str):
            return
        pii_only = {"guardrails": [pii]}
        res = await run_guardrails(ctx, value, "text/plain", instantiate_guardrails(load_config_bundle(pii_only)), suppress_tripwire=True, raise_guardrail_errors=True)
        workflow[input_key] = get_guardrail_safe_text(res, value)
    except Exception:
        pass

async def run_and_apply_guardrails(input_text, config, history, workflow):
    results = await run_guardrails(ctx, input_text, "text/plain", instantiate_guardrails(load_config_bundle(config)), suppress_tripwire=True, raise_guardrail_errors=True)
    guardrails = (config or {}).get("guardrails") or []
    mask_pii = next((g for g in guardrails if (g or {}).get("name") == "Contains PII" and ((g or {}).get("config") or {}).get("block") is False), None) is not None
    if mask_pii:
        await scrub_conversation_history(history, config)
        await scrub_workflow_input(workflow, "input_as_text", config)
    has_tripwire = guardrails_has_tripwire(results)
    safe_text = get_guardrail_safe_text(results, input_text)
    fail_output = {"keywords": {"failed": has_tripwire}}
    pass_output = {"safe_text": safe_text}
    return {"results": results, "has_tripwire": has_tripwire, "safe_text": safe_text, "fail_output": fail_output, "pass_output": pass_output}

class ClassifySchema(BaseModel):
  category: str


classify = Agent(
  name="Classify",
  instructions="""### ROLE
You are a careful classification assistant. Choose exactly one category: order_status or general.""",
  model="gpt-4.1",
  output_type=ClassifySchema,
  model_settings=ModelSettings(
    temperature=0
  )
)


order_agent = Agent(
  name="Orders",
  instructions="Answer questions about orders. Use order_status.",
  model="gpt-4.1",
  tools=[
    order_status
  ],
  model_settings=ModelSettings(
    temperature=1,
    top_p=1,
    parallel_tool_calls=True,
    max_tokens=2048,
    store=True
  )
)


general_agent = Agent(
  name="General",
  instructions="Answer in a friendly way.",
  model="gpt-4.1-mini",
  model_settings=ModelSettings(
    temperature=1,
    top_p=1,
    max_tokens=2048,
    store=True
  )
)


class WorkflowInput(BaseModel):
  input_as_text: str


# Main code entrypoint
async def run_workflow(workflow_input: WorkflowInput):
  with trace("Customer service"):
    state = {

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
    guardrails_input_text = workflow["input_as_text"]
    guardrails_result = await run_and_apply_guardrails(guardrails_input_text, guardrails_config, conversation_history, workflow)
    guardrails_hastripwire = guardrails_result["has_tripwire"]
    guardrails_anonymizedtext = guardrails_result["safe_text"]
    guardrails_output = (guardrails_hastripwire and guardrails_result["fail_output"]) or guardrails_result["pass_output"]
    if guardrails_hastripwire:
      return guardrails_output
    else:
      classify_input = workflow["input_as_text"]
      classify_result_temp = await Runner.run(
        classify,
        input=[
          {
            "role": "user",
            "content": [
              {
                "type": "input_text",
                "text": f"{classify_input}"
              }
            ]
          }
        ],
        run_config=RunConfig(trace_metadata={
          "__trace_source__": "agent-builder",
          "workflow_id": "wf_made_up_1"
        })
      )
      classify_result = {
        "output_text": classify_result_temp.final_output.json(),
        "output_parsed": classify_result_temp.final_output.model_dump()
      }
      classify_category = classify_result["output_parsed"]["category"]
      classify_output = {"category": classify_category}
      if classify_category == "order_status":
        order_agent_result_temp = await Runner.run(
          order_agent,
          input=[
            *conversation_history
          ],
          run_config=RunConfig(trace_metadata={
            "__trace_source__": "agent-builder",
            "workflow_id": "wf_made_up_1"
          })
        )

        conversation_history.extend([item.to_input_item() for item in order_agent_result_temp.new_items])

        order_agent_result = {
          "output_text": order_agent_result_temp.final_output_as(str)
        }
        return order_agent_result
      else:
        general_agent_result_temp = await Runner.run(
          general_agent,
          input=[
            *conversation_history
          ],
          run_config=RunConfig(trace_metadata={
            "__trace_source__": "agent-builder",
            "workflow_id": "wf_made_up_1"
          })
        )

        conversation_history.extend([item.to_input_item() for item in general_agent_result_temp.new_items])

        general_agent_result = {
          "output_text": general_agent_result_temp.final_output_as(str)
        }
        return general_agent_result
