import htm from "htm";
import { h, render } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";
import { FAILURES, asCurl } from "../network.js";
import { COMMANDS, USERS, callerOf } from "./choices.js";

const html = htm.bind(h);

/** Events of a list that are drawn: the newest. */
const SHOWN_EVENTS = 200;

/**
 * Draw the developer's panel, or take it away.
 * @param {HTMLElement} root
 * @param {object | null} page what the panel sees of the page and what it may do there: `network`, `element`, `ask`, `settings`,
 *   `setToken`, `thread`, `usage`, `provider`
 */
export function drawPanel(root, page) {
  render(page && html`<${Panel} page=${page} />`, root);
}

function Panel({ page }) {
  const [, redraw] = useState(0);
  useLayoutEffect(() => {
    let frame = null;
    const later = () => (frame ??= requestAnimationFrame(() => ((frame = null), redraw((count) => count + 1))));
    const stop = page.network.subscribe(later);
    page.element.addEventListener("chatkit.thread.change", later);
    return () => {
      stop();
      cancelAnimationFrame(frame);
      page.element.removeEventListener("chatkit.thread.change", later);
    };
  }, []);
  const caller = callerOf(page.settings.token);
  return html`
    <${Section} name="You" open=${true}><${Who} page=${page} caller=${caller} redraw=${redraw} /><//>
    <${Section} name="Demo commands" open=${true}><${Commands} page=${page} /><//>
    <${Section} name="Failures"><${Failures} network=${page.network} /><//>
    <${Section} name="Last answer" open=${true}><${Answer} page=${page} /><//>
    <${Section} name="Last turn"><${Story} page=${page} caller=${caller} /><//>
    <${Section} name="Stored and shown"><${Stored} page=${page} caller=${caller} /><//>
    <${Section} name="Usage and limits"><${Usage} page=${page} /><//>
  `;
}

function Section({ name, open = false, children }) {
  return html`<details open=${open}><summary>${name}</summary><div class="panel-body">${children}</div></details>`;
}

function Facts({ facts }) {
  return html`<dl>${Object.entries(facts).map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function Who({ page, caller, redraw }) {
  const [failed, setFailed] = useState(null);
  const become = async (user) => {
    try {
      const token = user ? (await page.ask("token", user)).token : "";
      page.setToken(token);
      setFailed(null);
    } catch (error) {
      setFailed(error.message);
    }
    redraw((count) => count + 1);
  };
  const submit = (event) => {
    event.preventDefault();
    become(Object.fromEntries(new FormData(event.target)));
  };
  return html`<${Facts} facts=${caller} />
    <div class="panel-buttons" role="group" aria-label="Change the user">
      <button type="button" onClick=${() => become(null)}>Guest</button>
      ${USERS.map((each) => html`<button type="button" key=${each.user} onClick=${() => become(each)}>${each.user} (${each.role})</button>`)}
    </div>
    <form class="panel-form" onSubmit=${submit}>
      <input name="user" aria-label="User" placeholder="user" required />
      <input name="tenant" aria-label="Tenant" placeholder="tenant" required />
      <input name="role" aria-label="Role" placeholder="role" required />
      <button>Be this user</button>
    </form>
    ${failed && html`<p role="alert">${failed}</p>`}`;
}

function Commands({ page }) {
  const [chosen, choose] = useState(COMMANDS[0]);
  const write = (event) => {
    event.preventDefault();
    const argument = new FormData(event.target).get("argument").trim();
    page.element.setComposerValue({ text: `${chosen.command} ${argument}`.trim() });
    page.element.focusComposer();
  };
  return html`<form class="panel-form" onSubmit=${write}>
    <select aria-label="Command" onChange=${(event) => choose(COMMANDS.find(({ command }) => command === event.target.value))}>
      ${COMMANDS.map(({ command, about }) => html`<option key=${command} value=${command}>${command}: ${about}</option>`)}
    </select>
    <input name="argument" aria-label="Argument" key=${chosen.command} defaultValue=${chosen.argument} />
    <button>Write it</button>
  </form>`;
}

function Failures({ network }) {
  const change = (event) => (network.failure = event.target.value);
  return html`<label>What happens to the next requests
    <select onChange=${change} defaultValue=${network.failure}>
      ${Object.entries(FAILURES).map(([kind, name]) => html`<option key=${kind} value=${kind} selected=${kind === network.failure}>${name}</option>`)}
    </select>
  </label>`;
}

const seconds = (milliseconds) => (milliseconds === undefined ? "–" : `${Math.round(milliseconds)} ms`);
const isDelta = ({ event }) => event.type === "thread.item.updated" && event.update.type.endsWith("delta");

function Answer({ page }) {
  const { last } = page.network;
  if (!last) return html`<p>Nothing has been sent yet.</p>`;
  const { events } = last;
  const facts = {
    Provider: page.provider(),
    Status: last.status ?? "waiting",
    Turn: last.turnId ?? "–",
    "First event": seconds(events[0]?.at),
    "First word": seconds(events.find(isDelta)?.at),
    "Last event": seconds(events.at(-1)?.at),
    Events: events.length,
  };
  const copy = () => navigator.clipboard.writeText(asCurl(last)).catch((error) => console.warn("Not copied", error));
  const older = Math.max(0, events.length - SHOWN_EVENTS);
  return html`<${Facts} facts=${facts} />
    <div class="panel-buttons"><button type="button" onClick=${copy}>Copy as curl</button></div>
    <ol class="panel-events" tabindex="0" aria-label="Events">
      ${older > 0 && html`<li>${older} earlier events</li>`}
      ${events.slice(older).map(({ at, event }, index) => html`<li key=${older + index}>
        <${Event} at=${at} event=${event} />
      </li>`)}
    </ol>`;
}

/** One event; its JSON is written when it is unfolded, because there are many. */
function Event({ at, event }) {
  const [open, setOpen] = useState(false);
  return html`<details onToggle=${(toggle) => setOpen(toggle.target.open)}>
    <summary><span>${Math.round(at)} ms</span> ${event.update?.type ?? event.type}</summary>
    ${open && html`<${Json} value=${event} />`}
  </details>`;
}

const Json = ({ value }) => html`<pre tabindex="0">${JSON.stringify(value, null, 2)}</pre>`;

/** A part that asks when it is told to, and shows the answer. */
function useAsked(ask) {
  const [answer, setAnswer] = useState(null);
  const look = async () => {
    try {
      setAnswer({ value: await ask() });
    } catch (error) {
      setAnswer({ failed: error.message });
    }
  };
  const button = html`<div class="panel-buttons"><button type="button" onClick=${look}>Look</button></div>
    ${answer?.failed && html`<p role="alert">${answer.failed}</p>`}`;
  return [answer?.value, button];
}

function Story({ page, caller }) {
  const [story, button] = useAsked(() => {
    const turn = page.network.last?.turnId;
    if (!turn || !page.thread()) throw new Error("There is no turn yet.");
    return page.ask("story", { ...caller, thread: page.thread(), turn });
  });
  return html`${button}${story !== undefined && html`<${Json} value=${story} />`}`;
}

function Stored({ page, caller }) {
  const [found, button] = useAsked(async () => {
    if (!page.thread()) throw new Error("No thread is open.");
    return { rows: await page.ask("rows", { ...caller, thread: page.thread() }), shown: page.element.items };
  });
  return html`${button}
    ${found &&
    html`<div class="panel-columns">
      <div><h3>Stored</h3><${Json} value=${found.rows} /></div>
      <div><h3>Shown</h3><${Json} value=${found.shown} /></div>
    </div>`}`;
}

function Usage({ page }) {
  const [usage, button] = useAsked(() => page.usage());
  return html`${button}${usage && html`<${Json} value=${usage} />`}`;
}
