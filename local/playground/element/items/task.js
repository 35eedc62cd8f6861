import { html } from "../html.js";
import { Icon } from "../icons.js";
import { Markdown } from "../views/markdown.js";
import { safeUrl } from "./sources.js";
import { say } from "../texts.js";

/** A task outside a workflow. */
export function TaskItem({ item }) {
  return html`<div class="task-alone"><${Task} task=${item.task} /></div>`;
}

const ICONS = { custom: "sparkle", web_search: "globe", thought: "lightbulb", file: "file-text", image: "image" };

/** One task: what the assistant does or did, with what it found. */
export function Task({ task, statusShown = false }) {
  const title = titleOf(task);
  return html`<div class=${`task ${task.type}`} data-status=${task.status_indicator ?? "none"}>
    <${StatusIcon} task=${task} shown=${statusShown} />
    <div class="task-body">
      ${title && html`<div class="task-title" dir="auto">${title}</div>`}
      ${task.content && html`<${Markdown} text=${task.content} />`}
      ${task.queries?.length > 0 &&
      html`<ul class="chips">${task.queries.map((query) => html`<li class="chip"><${Icon} name="search" size=${13} /> ${query}</li>`)}</ul>`}
      ${task.sources?.length > 0 &&
      html`<ul class="chips">${task.sources.map((source) => html`<li><${TaskSource} source=${source} /></li>`)}</ul>`}
    </div>
  </div>`;
}

function titleOf(task) {
  if (task.title) return task.title_query ? html`${task.title} <em>${task.title_query}</em>` : task.title;
  if (task.title_query) return html`Searched <em>${task.title_query}</em>`;
  return { web_search: say("Searched the web"), file: say("Read files"), image: say("Made a picture") }[task.type];
}

function StatusIcon({ task, shown }) {
  const status = shown ? task.status_indicator : "none";
  if (status === "loading") return html`<${Icon} name="loader-circle" class="spin" />`;
  if (status === "complete") return html`<${Icon} name="circle-check" class="done" />`;
  return html`<${Icon} name=${task.icon ?? ICONS[task.type]} />`;
}

function TaskSource({ source }) {
  if (source.type === "file") {
    return html`<span class="chip"><${Icon} name="file-text" size=${13} /> ${source.title || source.filename}</span>`;
  }
  return html`<a class="chip" href=${safeUrl(source.url)} target="_blank" rel="noopener noreferrer">
    <${Icon} name="globe" size=${13} /> ${source.title}
  </a>`;
}
