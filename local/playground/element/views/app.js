import { Parts, html, useStore } from "../html.js";
import { ComposerView } from "./composer.js";
import { Disclaimer } from "./disclaimer.js";
import { Header } from "./header.js";
import { HistoryView } from "./history.js";
import { StartScreen } from "./start.js";
import { ThreadView } from "./thread.js";

/** The whole element: header, thread or start screen, composer, and the history over them. */
export function App({ parts }) {
  const state = useStore(parts.store);
  if (!state.options) return null;
  const { items, thread, loading, history, options } = state;
  const started = thread !== null || items.length > 0 || loading;
  return html`<${Parts.Provider} value=${parts}>
    <div class="kit">
      ${(options.header?.enabled ?? true) && html`<${Header} state=${state} />`}
      ${started || state.error ? html`<${ThreadView} state=${state} />` : html`<${StartScreen} state=${state} />`}
      <${ComposerView} state=${state} />
      <${Disclaimer} option=${options.disclaimer} />
      ${history.open && html`<${HistoryView} state=${state} />`}
    </div>
  <//>`;
}
