import { html } from "../html.js";
import { Icon } from "../icons.js";
import { say } from "../texts.js";

/** A picture in the making, and when made. `progress` (0 to 1) comes with its partial versions. */
export function GeneratedImage({ item, active }) {
  const { image, progress } = item;
  const making = active && progress !== undefined && progress < 1;
  if (!image) {
    return html`<div class="image-frame" role="status" aria-label=${say("Making a picture")}>
      <${Icon} name="image" size=${32} class=${active ? "pulse" : ""} />
    </div>`;
  }
  return html`<figure class="generated">
    <img src=${image.url} alt=${say("Generated picture")} class=${making ? "partial" : ""} />
    ${making && html`<progress max="1" value=${progress} aria-label=${say("Making the picture")}></progress>`}
  </figure>`;
}
