import { html, memo } from "../html.js";
import { AssistantMessage } from "./assistant_message.js";
import { ClientToolCall } from "./client_tool_call.js";
import { GeneratedImage } from "./generated_image.js";
import { StructuredInput } from "./structured_input.js";
import { TaskItem } from "./task.js";
import { UserMessage } from "./user_message.js";
import { WidgetItem } from "./widget.js";
import { WorkflowItem } from "./workflow.js";

/** A view for each kind of thread item that a reader sees. */
const VIEWS = {
  user_message: UserMessage,
  assistant_message: AssistantMessage,
  client_tool_call: ClientToolCall,
  widget: WidgetItem,
  generated_image: GeneratedImage,
  structured_input: StructuredInput,
  workflow: WorkflowItem,
  task: TaskItem,
};

/** Kinds that steer the thread and have nothing to show. */
const SILENT = new Set(["hidden_context_item", "sdk_hidden_context", "end_of_turn"]);

/** One thread item. A kind this page does not know yet is named, not swallowed. */
export const ItemView = memo(function ItemView({ item, active, imageDomains }) {
  if (SILENT.has(item.type)) return null;
  const View = VIEWS[item.type];
  return html`<article class=${`item ${item.type}`} data-item-id=${item.id} data-item-type=${item.type}>
    ${View
      ? html`<${View} item=${item} active=${active} imageDomains=${imageDomains} />`
      : html`<p class="hint">This page cannot show items of the kind “${item.type}”.</p>`}
  </article>`;
});
