const KEY = "openai-chatkit-verdicts";

/** Verdicts that are remembered: the oldest go first. A thread shows a few dozen answers. */
const MOST = 500;

/**
 * Which answers the user has called good or bad, in this browser. The protocol takes a verdict and never gives it back, so
 * a reload would forget it.
 */
export function createVerdicts() {
  let verdicts = {};
  try {
    verdicts = JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    // Without storage they last until the next reload.
  }
  return {
    all: () => verdicts,
    get: (itemId) => verdicts[itemId],
    set(itemId, kind) {
      const { [itemId]: _, ...others } = verdicts;
      verdicts = Object.fromEntries([...Object.entries(others), ...(kind ? [[itemId, kind]] : [])].slice(-MOST));
      try {
        localStorage.setItem(KEY, JSON.stringify(verdicts));
      } catch {
        // The same.
      }
    },
  };
}
