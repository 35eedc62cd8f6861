import htm from "htm";
import { Component, createContext, h } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";

/** Markup as a tagged template: JSX without a build. */
export const html = htm.bind(h);

/** The element's parts (kit, store, conversation, history, composer), for every view below it. */
export const Parts = createContext(null);
export const useParts = () => useContext(Parts);

/** The element's state, drawn anew when it changes. */
export function useStore(store) {
  const [state, setState] = useState(store.get());
  useEffect(() => {
    setState(store.get());
    return store.subscribe(setState);
  }, [store]);
  return state;
}

/** Draw a view again only when one of its properties is another value: state is never changed in place. */
export function memo(View) {
  return class extends Component {
    shouldComponentUpdate(next) {
      const keys = new Set([...Object.keys(next), ...Object.keys(this.props)]);
      return [...keys].some((key) => next[key] !== this.props[key]);
    }
    render(props) {
      return h(View, props);
    }
  };
}

/** Class names, without the ones that do not apply. */
export const classes = (...names) => names.filter(Boolean).join(" ");
