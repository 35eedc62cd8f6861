import htm from "htm";
import { Component, createContext, h } from "preact";
import { useContext, useLayoutEffect, useRef, useState } from "preact/hooks";

/** Markup as a tagged template: JSX without a build. */
export const html = htm.bind(h);

/** The element's parts (kit, store, conversation, history, composer), for every view below it. */
export const Parts = createContext(null);
export const useParts = () => useContext(Parts);

/**
 * Run a setup when a view appears or a dependency changes, and its cleanup when the view goes: for listeners, observers
 * and the focus. Preact runs the cleanup of `useEffect` after the next paint, when the view's elements are gone and a
 * listener would find nothing. So no view uses `useEffect`.
 */
export const useSetup = useLayoutEffect;

/** One timer of a view. `start` replaces a timer that runs; the timer ends with the view. */
export function useTimer() {
  const id = useRef(null);
  useSetup(() => () => clearTimeout(id.current), []);
  const stop = () => clearTimeout(id.current);
  const start = (run, milliseconds) => {
    stop();
    id.current = setTimeout(run, milliseconds);
  };
  return { start, stop };
}

/** Whether a view is still on the page, for work that continues after an `await`. */
export function useMounted() {
  const mounted = useRef(false);
  useSetup(() => {
    mounted.current = true;
    return () => (mounted.current = false);
  }, []);
  return mounted;
}

/** The element's state, drawn anew when it changes. */
export function useStore(store) {
  const [state, setState] = useState(store.get());
  useSetup(() => {
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
