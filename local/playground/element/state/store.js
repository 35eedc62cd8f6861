/** How long changes are gathered before the page is drawn again, in ms: one frame. */
const FRAME = 16;

/**
 * One observable value. Listeners hear of changes at most once a frame, so a fast stream of deltas
 * costs one drawing and not one each.
 */
export function createStore(initial) {
  let state = initial;
  let timer = null;
  const listeners = new Set();
  const flush = () => {
    timer = null;
    for (const listener of [...listeners]) listener(state);
  };
  return {
    get: () => state,
    /** Merge a patch, or the patch that a function makes of the state, into the state. */
    set(patch) {
      state = { ...state, ...(typeof patch === "function" ? patch(state) : patch) };
      timer ??= setTimeout(flush, FRAME);
    },
    /** Tell the listeners at once: what a user types must not be drawn from an older state meanwhile. */
    flush() {
      clearTimeout(timer);
      flush();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
