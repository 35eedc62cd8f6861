import { useRef } from "preact/hooks";
import { Parts, html, useSetup, useStore } from "../html.js";
import { isBusy } from "../state/thread.js";
import { currentLocale, direction } from "../texts.js";
import { ComposerView } from "./composer.js";
import { Disclaimer } from "./disclaimer.js";
import { Header } from "./header.js";
import { HistoryView } from "./history.js";
import { StartScreen } from "./start.js";
import { ThreadView } from "./thread.js";

/** The whole element: header, thread or start screen, composer, and the history over them. */
export function App({ parts }) {
  const state = useStore(parts.store);
  const root = useRef(null);
  const focused = useRef(null);
  // A control that goes while it has the focus leaves it to the composer: a keyboard would otherwise start at the top again.
  useSetup(() => {
    if (!focused.current || focused.current.isConnected) return;
    focused.current = null;
    if (!root.current?.getRootNode().activeElement) root.current?.querySelector(".composer textarea, .composer button")?.focus();
  });
  const keyDown = (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || state.history.open) return;
    if (isBusy(state) && state.allowCancel && !state.stopping) parts.conversation.stop();
  };
  if (!state.options) return null;
  const { items, thread, loading, history, options } = state;
  const started = thread !== null || items.length > 0 || loading;
  return html`<${Parts.Provider} value=${parts}>
    <div
      class="kit"
      key=${currentLocale()}
      dir=${direction()}
      ref=${root}
      onKeyDown=${keyDown}
      onFocusIn=${(event) => (focused.current = event.target)}
      onFocusOut=${(event) => event.relatedTarget && (focused.current = null)}
    >
      ${(options.header?.enabled ?? true) && html`<${Header} state=${state} />`}
      ${started || state.error ? html`<${ThreadView} state=${state} />` : html`<${StartScreen} state=${state} />`}
      <${ComposerView} state=${state} />
      <${Disclaimer} option=${options.disclaimer} />
      ${history.open && html`<${HistoryView} state=${state} />`}
    </div>
  <//>`;
}
