import { createContext } from "preact";
import { useContext, useState } from "preact/hooks";
import { useParts } from "../html.js";
import { collectValues, mergePayload } from "./values.js";

/** The widget that a component belongs to: runs its actions and knows which are under way. */
export const WidgetScope = createContext(null);
export const useWidget = () => useContext(WidgetScope);

/** What `loadingBehavior: "auto"` means for each kind of component, as ChatKit's guide to actions says. */
const AUTO = { Button: "self", ListViewItem: "self", Card: "container", Form: "container" };

/** Make the scope of one widget item. */
export function useWidgetScope(item) {
  const { kit, conversation } = useParts();
  const [busy, setBusy] = useState({ container: false, nodes: new Set() });

  const mark = (behaviour, node, on) =>
    setBusy((current) => {
      const nodes = new Set(current.nodes);
      if (behaviour === "self" && on) nodes.add(node);
      else nodes.delete(node);
      return { container: behaviour === "container" ? on : current.container, nodes };
    });

  /**
   * Run an action: in the page (`handler: "client"`), streamed by the server, or as one answer.
   * @param {object} action an ActionConfig
   * @param {object} node the component it came from
   * @param {{target: HTMLElement, own?: object}} source where it happened; values of the form around it go along
   */
  const run = async (action, node, { target, own = {} }) => {
    if (!action || busy.container || busy.nodes.has(node)) return;
    const values = collectValues(target.closest("form")) ?? own;
    const payload = mergePayload(action.payload, values);
    const wanted = action.loadingBehavior ?? "auto";
    const behaviour = wanted === "auto" ? (AUTO[node.type] ?? "none") : wanted;
    mark(behaviour, node, true);
    try {
      if (action.handler === "client") {
        await kit.options.widgets?.onAction?.({ type: action.type, payload }, { id: item.id, widget: item.widget });
      } else {
        await conversation.action({ type: action.type, payload }, item.id, { streaming: action.streaming ?? true });
      }
    } catch (error) {
      kit.notify(error);
    } finally {
      mark(behaviour, node, false);
    }
  };
  return { run, busy };
}
