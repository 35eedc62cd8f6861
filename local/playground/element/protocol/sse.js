/** The stream ended in the middle of a frame: what came is incomplete. */
export class TruncatedStream extends Error {}

/** How long events are read before the browser may draw, in ms: half a frame. A piece of a stream may hold hundreds. */
const READING_MILLISECONDS = 8;

/** Let the browser draw, and answer the user. */
const rest = () => globalThis.scheduler?.yield?.() ?? new Promise((resolve) => setTimeout(resolve));

/**
 * Read a `text/event-stream` body as ChatKit frames it: `data: {json}`, a blank line, comments allowed.
 * @param {ReadableStream<Uint8Array>} body
 * @yields {object} one parsed event per frame
 * @throws {TruncatedStream} when the bytes end inside a frame
 */
export async function* readEvents(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      // JSON escapes its carriage returns, so any raw one belongs to the framing.
      buffer += value.replaceAll("\r", "");
      const frames = buffer.split("\n\n");
      buffer = frames.pop();
      let began = performance.now();
      for (const frame of frames) {
        const event = parseFrame(frame);
        if (event !== undefined) yield event;
        if (performance.now() - began < READING_MILLISECONDS) continue;
        await rest();
        began = performance.now();
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
  if (dataOf(buffer)) throw new TruncatedStream("The stream ended in the middle of an event.");
}

function dataOf(frame) {
  return frame
    .split("\n")
    .filter((line) => line.startsWith("data:"))
    .map((line) => line.slice(5).trimStart())
    .join("\n");
}

function parseFrame(frame) {
  const data = dataOf(frame);
  return data ? JSON.parse(data) : undefined;
}
