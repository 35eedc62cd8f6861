import { useRef, useState } from "preact/hooks";
import { classes, html, useParts, useSetup } from "../html.js";
import { Icon } from "../icons.js";
import { say } from "../texts.js";

/** The tools the page offers: pinned ones as buttons, the others in a menu, the chosen one to take off again. */
export function ToolButtons({ state }) {
  const { composer } = useParts();
  const tools = state.options.composer?.tools ?? [];
  const chosen = composer.tool;
  const toggle = (tool) => composer.selectTool(chosen?.id === tool.id ? null : tool.id);
  const pinned = tools.filter((tool) => tool.pinned);
  const others = tools.filter((tool) => !tool.pinned);
  return html`${pinned.map((tool) => html`<${ToolButton} key=${tool.id} tool=${tool} pressed=${tool === chosen} toggle=${toggle} />`)}
  ${chosen && !chosen.pinned && html`<${ToolButton} tool=${chosen} pressed=${true} toggle=${toggle} />`}
  ${others.length > 0 && html`<${ToolMenu} tools=${others} chosen=${chosen} choose=${toggle} />`}`;
}

function ToolButton({ tool, pressed, toggle }) {
  return html`<button type="button" class=${classes("tool", pressed && "pressed")} aria-pressed=${pressed} onClick=${() => toggle(tool)}>
    <${Icon} name=${tool.icon} /> ${tool.shortLabel ?? tool.label} ${pressed && html`<${Icon} name="x" size=${13} />`}
  </button>`;
}

function ToolMenu({ tools, chosen, choose }) {
  const [open, setOpen] = useState(false);
  const menu = useRef(null);
  useSetup(() => {
    if (open) menu.current.querySelector("button").focus();
  }, [open]);
  const opener = useRef(null);
  const close = () => {
    setOpen(false);
    opener.current.focus();
  };
  const keyDown = (event) => {
    if (!open || event.key !== "Escape") return;
    event.preventDefault();
    close();
  };
  const leave = (event) => !event.currentTarget.contains(event.relatedTarget) && setOpen(false);
  return html`<span class="menu-anchor" onKeyDown=${keyDown} onFocusOut=${leave}>
    <button type="button" class="icon-button" ref=${opener} aria-label=${say("Tools")} title=${say("Tools")} aria-haspopup="menu" aria-expanded=${open} onClick=${() => setOpen(!open)}>
      <${Icon} name="sliders-horizontal" size=${18} />
    </button>
    ${open &&
    html`<div class="menu" role="menu" ref=${menu}>
      ${tools.map(
        (tool) => html`<button
          key=${tool.id}
          type="button"
          role="menuitemradio"
          aria-checked=${tool === chosen}
          onClick=${() => {
            choose(tool);
            close();
          }}
        >
          <${Icon} name=${tool.icon} /> ${tool.label}
        </button>`,
      )}
    </div>`}
  </span>`;
}
