import { currentLocale, say } from "../../element/texts.js";
import { Facts, Json, html, milliseconds, useAsked } from "./parts.js";

/** What the table knows of the last turn: its outcome, tokens, price, tools, items, and the calls it waited for. */
export function Story({ page, caller }) {
  const [story, button] = useAsked(() => {
    const { last } = page.network;
    if (!last?.turnId || !page.thread()) throw new Error(say("There is no turn yet."));
    const asked = { thread: page.thread(), turn: last.turnId, since: String(last.sentAt / 1000), process: page.process(last.url) };
    return page.ask("story", { ...caller, ...asked });
  });
  return html`${button}${story === null && html`<p>${say("There is no turn yet.")}</p>`}
    ${story && html`<${Facts} facts=${factsOf(story)} /><${Items} items=${story.items} /><${Spans} spans=${story.spans} />
      <details><summary>${say("As JSON")}</summary><${Json} value=${story} /></details>`}`;
}

function factsOf(story) {
  const { DynamoDB: table, S3: bucket } = story.round_trips;
  return {
    [say("Outcome")]: story.outcome ?? story.state,
    [say("Operation")]: story.operation ?? "–",
    [say("Model")]: [story.provider, story.model].filter(Boolean).join(": ") || "–",
    [say("Duration")]: seconds(story.seconds),
    [say("First word")]: seconds(story.first_delta_seconds),
    [say("Model calls")]: story.model_calls ?? "–",
    [say("Tokens")]: say("{read} read, {written} written", { read: number(story.input_tokens), written: number(story.output_tokens) }),
    [say("Price")]: price(story.dollars),
    [say("Round trips")]: say("{table} to the table, {bucket} to the bucket", { table, bucket }),
    [say("Tools")]: story.tools?.join(", ") || "–",
    ...(story.error_message && { [say("Error")]: story.error_message }),
  };
}

const seconds = (time) => milliseconds(time && time * 1000);
const number = (count) => (count ?? 0).toLocaleString(currentLocale());

/** Prices of single turns are small: two digits that count. */
function price(dollars) {
  if (dollars === null || dollars === undefined) return say("unknown: set MODEL_PRICES");
  return dollars.toLocaleString(currentLocale(), { style: "currency", currency: "USD", maximumSignificantDigits: 2 });
}

function Items({ items }) {
  return html`<h3>${say("Items")}</h3>
    <ul class="panel-list">${items.map(({ id, type, bytes }) => html`<li key=${id}>${type} <small>${bytes} B</small></li>`)}</ul>`;
}

function Spans({ spans }) {
  return html`<h3>${say("Calls")}</h3>
    <ol class="panel-list" tabindex="0" aria-label=${say("Calls")}>
      ${spans.map((span, index) => html`<li key=${index} class=${span.failed ? "failed" : ""}>
        <small>${span.at_ms} ms</small> ${[...new Set([span.service, span.what])].join(" ")} <small>${span.ms} ms</small>
      </li>`)}
    </ol>`;
}
