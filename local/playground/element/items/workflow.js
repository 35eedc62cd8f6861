import { useState } from "preact/hooks";
import { html, useSetup } from "../html.js";
import { Icon } from "../icons.js";
import { Task } from "./task.js";
import { say } from "../texts.js";

/** Steps of the assistant's work, or its reasoning: open while it goes on if it asks so, else folded. */
export function WorkflowItem({ item, active }) {
  const { workflow } = item;
  const { summary, tasks, type } = workflow;
  const finished = !active || Boolean(summary);
  const [open, setOpen] = useState(workflow.expanded ?? false);
  useSetup(() => setOpen(workflow.expanded ?? false), [workflow.expanded]);
  const title = summaryOf(summary, type, finished, tasks);
  return html`<section class=${`workflow ${type}`}>
    <button type="button" class="workflow-summary" aria-expanded=${open} onClick=${() => setOpen(!open)}>
      <${Icon} name=${finished ? (summary?.icon ?? (type === "reasoning" ? "brain" : "list-checks")) : "loader-circle"} class=${finished ? "" : "spin"} />
      <span>${title}</span>
      <${Icon} name=${open ? "chevron-down" : "chevron-right"} />
    </button>
    ${(open || (!finished && tasks.length > 0)) &&
    html`<div class="workflow-tasks">
      ${(open ? tasks : tasks.slice(-1)).map((task, index) => html`<${Task} key=${index} task=${task} statusShown=${true} />`)}
    </div>`}
  </section>`;
}

function summaryOf(summary, type, finished, tasks) {
  if (summary?.title) return summary.title;
  if (summary?.duration !== undefined) return say("Thought for {time}", { time: describeDuration(summary.duration) });
  if (!finished) return tasks.at(-1)?.title ?? (type === "reasoning" ? say("Thinking…") : say("Working…"));
  return type === "reasoning" ? say("Thoughts") : tasks.length === 1 ? say("1 step") : say("{count} steps", { count: tasks.length });
}

function describeDuration(seconds) {
  if (seconds < 1) return say("a moment");
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
