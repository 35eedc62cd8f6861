import { useRef, useState } from "preact/hooks";
import { html, useParts, useSetup } from "../html.js";
import { Icon } from "../icons.js";
import { tagText } from "../state/content.js";
import { say } from "../texts.js";

/** A tag being written: an @ at the start or after a space, up to the caret. */
const TAG = /(?:^|\s)@([^\s@]*)$/u;
/** A command being written: a slash at the very start. */
const COMMAND = /^\/(\S*)$/u;

/** Entities for an `@`, commands for a `/`: looked up as the user types, chosen by keyboard or pointer. */
export function useSuggestions(area, state) {
  const { composer, kit } = useParts();
  const [menu, setMenu] = useState(null);
  const asked = useRef(0);
  const { entities, commands } = state.options;

  const { caret } = state.composer;
  // The caret moves after the text is drawn: it cannot stand where there is no text yet.
  useSetup(() => {
    if (caret === null) return;
    area.current.setSelectionRange(caret, caret);
    composer.set({ caret: null });
    look();
  }, [caret]);
  // An answer that comes after the editor has gone is for nobody.
  useSetup(() => () => asked.current++, []);

  const close = () => {
    asked.current++;
    setMenu(null);
  };

  const show = async (kind, query, search) => {
    const ticket = ++asked.current;
    try {
      const found = await search(query);
      if (ticket === asked.current) setMenu(found.length ? { kind, query, found, active: 0 } : null);
    } catch (error) {
      kit.fail(error);
      if (ticket === asked.current) setMenu(null);
    }
  };

  const look = () => {
    const before = area.current.value.slice(0, area.current.selectionStart);
    const tag = entities?.onTagSearch && TAG.exec(before);
    const command = commands?.enabled && commands.onSearch && COMMAND.exec(before);
    if (tag) show("tag", tag[1], entities.onTagSearch);
    else if (command) show("command", command[1], commands.onSearch);
    else close();
  };

  /** Put an entity in place of the last `length` characters before the caret. */
  const insert = (entity, length) => {
    const { value, selectionStart } = area.current;
    const text = tagText(entity);
    const start = selectionStart - length;
    const next = `${value.slice(0, start)}${text} ${value.slice(selectionStart)}`;
    composer.set({ text: next, tags: { ...composer.state.tags, [text]: entity }, caret: start + text.length + 1 });
  };

  const choose = async (choice) => {
    const length = menu.query.length + 1;
    const { kind } = menu;
    close();
    if (kind === "tag") return insert(choice, length);
    try {
      const selection = await commands.onSelect?.(choice);
      if (!area.current) return;
      if (selection?.type === "menu") return setMenu({ kind, query: menu.query, found: selection.commands, active: 0 });
      if (selection?.type === "entity") return insert(selection.entity, length);
      composer.set({ text: area.current.value.slice(length) });
    } catch (error) {
      kit.notify(error);
    }
  };

  /** Handle a key of the editor; true when the menu took it. */
  const keyDown = (event) => {
    if (!menu) return false;
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move) setMenu({ ...menu, active: (menu.active + move + menu.found.length) % menu.found.length });
    else if (event.key === "Enter" || event.key === "Tab") choose(menu.found[menu.active]);
    else if (event.key === "Escape") close();
    else return false;
    event.preventDefault();
    return true;
  };

  return { open: menu !== null, found: menu?.found ?? [], active: menu?.active ?? 0, look, close, choose, keyDown };
}

/** The list under the caret. */
export function SuggestionMenu({ suggestions }) {
  const { open, found, active, choose } = suggestions;
  if (!open) return null;
  return html`<ul class="menu suggestions" role="listbox" id="suggestions" aria-label=${say("Suggestions")}>
    ${found.map((choice, index) => {
      const heading = choice.group !== found[index - 1]?.group && choice.group;
      return html`${heading && html`<li class="menu-heading" role="presentation">${heading}</li>`}
        <li
          key=${choice.id}
          id=${`suggestion-${index}`}
          role="option"
          aria-selected=${index === active}
          onMouseDown=${(event) => {
            // The editor must keep its focus and its caret.
            event.preventDefault();
            choose(choice);
          }}
        >
          <${Icon} name=${choice.icon} />
          <span>${choice.title ?? choice.label}</span>
          ${choice.description && html`<span class="hint">${choice.description}</span>`}
        </li>`;
    })}
  </ul>`;
}
