import { useState } from "preact/hooks";
import { html, useMounted, useParts, useTimer } from "../html.js";
import { Icon } from "../icons.js";
import { WidgetView } from "../widgets/widget.js";

/** How long the pointer rests on an entity before its preview is asked for, in ms. */
const HOVER_DELAY = 250;

/** An entity in a message or among its sources: a click and a preview when it is interactive. */
export function EntityChip({ entity, label, children }) {
  const { kit } = useParts();
  const [preview, setPreview] = useState(null);
  const timer = useTimer();
  const mounted = useMounted();
  const { onClick, onRequestPreview } = kit.options.entities ?? {};
  const content = html`${children}${entity.icon && html`<${Icon} name=${entity.icon} size=${14} />`} ${label}`;
  if (!entity.interactive || (!onClick && !onRequestPreview)) return html`<span class="chip entity">${content}</span>`;
  const request = async () => {
    if (preview || !onRequestPreview) return;
    try {
      const { preview: widget } = await onRequestPreview(entity);
      if (widget && mounted.current) setPreview(widget);
    } catch (error) {
      kit.fail(error);
    }
  };
  const leave = () => {
    timer.stop();
    setPreview(null);
  };
  return html`<span class="entity-anchor" onMouseEnter=${() => timer.start(request, HOVER_DELAY)} onMouseLeave=${leave}>
    <button type="button" class="chip entity" onClick=${() => onClick?.(entity)} onFocus=${request} onBlur=${leave}>
      ${content}
    </button>
    ${preview &&
    html`<span class="entity-preview" role="tooltip"><${WidgetView} item=${{ id: entity.id, widget: preview }} /></span>`}
  </span>`;
}
