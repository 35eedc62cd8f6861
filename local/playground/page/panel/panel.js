import { render } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";
import { say } from "../../element/texts.js";
import { FAILURES, asCurl } from "../network.js";
import { COMMANDS, USERS, callerOf } from "./choices.js";
import { Errors } from "./errors.js";
import { Facts, Json, Section, html, milliseconds, useAsked } from "./parts.js";
import { Story } from "./story.js";
import { TenantUsage, Usage } from "./usage.js";

/** Events of a list that are drawn: the newest. */
const SHOWN_EVENTS = 200;

/**
 * Draw the developer's panel, or take it away.
 * @param {HTMLElement} root
 * @param {object | null} page what the panel sees of the page and what it may do there: `network`, `element`, `ask`, `settings`,
 *   `setToken`, `thread`, `usage`, `provider`, `process`
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
    <${Section} name=${say("You")} open=${true}><${Who} page=${page} caller=${caller} redraw=${redraw} /><//>
    <${Section} name=${say("Demo commands")} open=${true}><${Commands} page=${page} /><//>
    <${Section} name=${say("Failures")}><${Failures} network=${page.network} /><//>
    <${Section} name=${say("Last answer")} open=${true}><${Answer} page=${page} /><//>
    <${Errors} page=${page} />
    <${Section} name=${say("Last turn")}><${Story} page=${page} caller=${caller} /><//>
    <${Section} name=${say("Stored and shown")}><${Stored} page=${page} caller=${caller} /><//>
    <${Section} name=${say("Usage and limits")}><${Usage} page=${page} /><//>
    <${Section} name=${say("Usage of the tenant")}><${TenantUsage} page=${page} /><//>
  `;
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
  const facts = { [say("User")]: caller.user, [say("Tenant")]: caller.tenant, [say("Role")]: caller.role };
  return html`<${Facts} facts=${facts} />
    <div class="panel-buttons" role="group" aria-label=${say("Change the user")}>
      <button type="button" onClick=${() => become(null)}>${say("Guest")}</button>
      ${USERS.map((each) => html`<button type="button" key=${each.user} onClick=${() => become(each)}>${each.user} (${each.role})</button>`)}
    </div>
    <form class="panel-form" onSubmit=${submit}>
      <input name="user" aria-label=${say("User")} placeholder=${say("User")} required />
      <input name="tenant" aria-label=${say("Tenant")} placeholder=${say("Tenant")} required />
      <input name="role" aria-label=${say("Role")} placeholder=${say("Role")} required />
      <button>${say("Be this user")}</button>
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
    <select aria-label=${say("Command")} onChange=${(event) => choose(COMMANDS.find(({ command }) => command === event.target.value))}>
      ${COMMANDS.map(({ command, about }) => html`<option key=${command} value=${command}>${command}: ${about()}</option>`)}
    </select>
    <input name="argument" aria-label=${say("Argument")} key=${chosen.command} defaultValue=${chosen.argument} />
    <button>${say("Write it")}</button>
  </form>`;
}

function Failures({ network }) {
  const change = (event) => (network.failure = event.target.value);
  return html`<label>${say("What happens to the next requests")}
    <select onChange=${change} defaultValue=${network.failure}>
      ${Object.entries(FAILURES).map(([kind, name]) => html`<option key=${kind} value=${kind} selected=${kind === network.failure}>${name()}</option>`)}
    </select>
  </label>`;
}

const isDelta = ({ event }) => event.type === "thread.item.updated" && event.update.type.endsWith("delta");

function Answer({ page }) {
  const { last } = page.network;
  if (!last) return html`<p>${say("Nothing has been sent yet.")}</p>`;
  const { events } = last;
  const facts = {
    [say("Provider")]: page.provider(),
    [say("Status")]: last.status ?? say("waiting"),
    [say("Turn")]: last.turnId ?? "–",
    [say("First event")]: milliseconds(events[0]?.at),
    [say("First word")]: milliseconds(events.find(isDelta)?.at),
    [say("Last event")]: milliseconds(events.at(-1)?.at),
    [say("Events")]: events.length,
  };
  const copy = () => navigator.clipboard.writeText(asCurl(last)).catch((error) => console.warn("Not copied", error));
  const older = Math.max(0, events.length - SHOWN_EVENTS);
  return html`<${Facts} facts=${facts} />
    <div class="panel-buttons"><button type="button" onClick=${copy}>${say("Copy as curl")}</button></div>
    <ol class="panel-events" tabindex="0" aria-label=${say("Events")}>
      ${older > 0 && html`<li>${say("{count} earlier events", { count: older })}</li>`}
      ${events.slice(older).map(({ at, event }, index) => html`<li key=${older + index}>
        <${Event} at=${at} event=${event} />
      </li>`)}
    </ol>`;
}

/** One event; its JSON is written when it is unfolded, because there are many. */
function Event({ at, event }) {
  const [open, setOpen] = useState(false);
  return html`<details onToggle=${(toggle) => setOpen(toggle.target.open)}>
    <summary><span>${milliseconds(at)}</span> ${event.update?.type ?? event.type}</summary>
    ${open && html`<${Json} value=${event} />`}
  </details>`;
}

function Stored({ page, caller }) {
  const [found, button] = useAsked(async () => {
    if (!page.thread()) throw new Error(say("No thread is open."));
    return { rows: await page.ask("rows", { ...caller, thread: page.thread() }), shown: page.element.items };
  });
  return html`${button}
    ${found &&
    html`<div class="panel-columns">
      <div><h3>${say("Stored")}</h3><${Json} value=${found.rows} /></div>
      <div><h3>${say("Shown")}</h3><${Json} value=${found.shown} /></div>
    </div>`}`;
}
