/**
 * Apply one item update (`thread.item.updated`) to an item.
 * @returns {object} a new item; the same one when the update does not fit its kind
 */
export function applyUpdate(item, update) {
  switch (update.type) {
    case "assistant_message.content_part.added":
    case "assistant_message.content_part.done":
      return withPart(item, update.content_index, () => update.content);
    case "assistant_message.content_part.text_delta":
      return withPart(item, update.content_index, (part) => ({ ...part, text: part.text + update.delta }));
    case "assistant_message.content_part.annotation_added":
      return withPart(item, update.content_index, (part) => {
        const annotations = [...(part.annotations ?? [])];
        annotations.splice(update.annotation_index, 0, update.annotation);
        return { ...part, annotations };
      });
    case "widget.streaming_text.value_delta":
      return withComponent(item, update.component_id, (component) => ({
        ...component,
        value: (component.value ?? "") + update.delta,
        streaming: !update.done,
      }));
    case "widget.component.updated":
      return withComponent(item, update.component_id, () => update.component);
    case "widget.root.updated":
      return { ...item, widget: update.widget };
    case "workflow.task.added":
    case "workflow.task.updated": {
      const tasks = [...item.workflow.tasks];
      tasks[update.task_index] = update.task;
      return { ...item, workflow: { ...item.workflow, tasks } };
    }
    case "generated_image.updated":
      return { ...item, image: update.image, progress: update.progress };
    default:
      return item;
  }
}

function withPart(item, index, change) {
  const content = [...(item.content ?? [])];
  while (content.length <= index) content.push({ type: "output_text", text: "", annotations: [] });
  content[index] = change(content[index]);
  return { ...item, content };
}

function withComponent(item, id, change) {
  return { ...item, widget: changeComponent(item.widget, id, change) };
}

function changeComponent(component, id, change) {
  if (component.id === id) return change(component);
  const { children } = component;
  if (Array.isArray(children)) {
    return { ...component, children: children.map((child) => changeComponent(child, id, change)) };
  }
  if (children) return { ...component, children: changeComponent(children, id, change) };
  return component;
}
