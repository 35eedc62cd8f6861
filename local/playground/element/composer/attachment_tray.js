import { describeSize } from "../controllers/upload.js";
import { classes, html, useParts } from "../html.js";
import { Icon } from "../icons.js";
import { say } from "../texts.js";

/** The files that will go with the message, as they upload. */
export function AttachmentTray({ attachments }) {
  const { composer } = useParts();
  if (attachments.length === 0) return null;
  return html`<ul class="tray" aria-label=${say("Attachments")}>
    ${attachments.map(
      (entry) => html`<li key=${entry.key} class=${classes("tray-file", entry.state)} aria-busy=${entry.state === "uploading"}>
        <${Thumbnail} entry=${entry} />
        <span class="grow">
          <span class="tray-name">${entry.name}</span>
          <span class="hint" role=${entry.error ? "alert" : undefined}>
            ${entry.error ?? (entry.state === "uploading" ? say("Uploading…") : entry.size === undefined ? "" : describeSize(entry.size))}
          </span>
        </span>
        <button type="button" class="icon-button" aria-label=${say("Remove {name}", { name: entry.name })} onClick=${() => composer.detach(entry)}>
          <${Icon} name="x" size=${14} />
        </button>
      </li>`,
    )}
  </ul>`;
}

function Thumbnail({ entry }) {
  if (entry.state === "uploading") return html`<${Icon} name="loader-circle" class="spin" size=${20} />`;
  if (entry.state === "failed") return html`<${Icon} name="circle-alert" size=${20} />`;
  if (entry.value.type === "image") return html`<img src=${entry.value.preview_url} alt="" />`;
  return html`<${Icon} name="file-text" size=${20} />`;
}
