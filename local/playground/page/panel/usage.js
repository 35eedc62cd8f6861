import { useState } from "preact/hooks";
import { say } from "../../element/texts.js";
import { Json, html, useAsked } from "./parts.js";

const COLUMNS = ["day", "user_id", "model", "turns", "tokens", "dollars", "pictures", "transcriptions", "uploads", "documents"];
const SUMS = { entry: () => say("Each entry"), user: () => say("By user"), model: () => say("By model"), day: () => say("By day"), tenant: () => say("All") };

/** The caller's usage of today. */
export function Usage({ page }) {
  const [usage, button] = useAsked(() => page.usage());
  return html`${button}${usage && html`<${Json} value=${usage} />`}`;
}

/** What the tenant uses, for an admin. Each look is in the audit trail. */
export function TenantUsage({ page }) {
  const [by, choose] = useState("user");
  const [found, button] = useAsked(() => everybody(page, by));
  return html`<label>${say("Sums")}
      <select onChange=${(event) => choose(event.target.value)}>
        ${Object.entries(SUMS).map(([kind, name]) => html`<option key=${kind} value=${kind} selected=${kind === by}>${name()}</option>`)}
      </select>
    </label>
    ${button}
    ${found &&
    html`<table class="panel-table">
        <thead><tr>${COLUMNS.map((name) => html`<th key=${name}>${name}</th>`)}</tr></thead>
        <tbody>${found.map((entry, index) => html`<tr key=${index}>${COLUMNS.map((name) => html`<td key=${name}>${entry[name] ?? ""}</td>`)}</tr>`)}</tbody>
      </table>
      <div class="panel-buttons"><button type="button" onClick=${() => download(page, by)}>${say("Download as CSV")}</button></div>`}`;
}

/** Look at all users of the tenant, some at a time, and add up sums of the same name. */
async function everybody(page, by) {
  const sums = new Map();
  let after = null;
  do {
    const query = new URLSearchParams({ by, ...(after === null ? {} : { after }) });
    const { data, next } = await page.get(`usage/tenant?${query}`);
    for (const entry of data) {
      const key = [entry.day, entry.user_id, entry.model].join("\n");
      const before = sums.get(key);
      if (before) for (const name of COLUMNS.slice(3)) before[name] += entry[name];
      else sums.set(key, entry);
    }
    after = next;
  } while (after !== null);
  return [...sums.values()];
}

async function download(page, by) {
  const csv = await page.text(`usage/tenant?by=${by}&format=csv`);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([csv], { type: "text/csv" }));
  link.download = "usage.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href));
}
