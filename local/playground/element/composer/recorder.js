/** The types that `input.transcribe` takes, the best first. */
const TYPES = ["audio/webm;codecs=opus", "audio/ogg;codecs=opus", "audio/mp4"];

/** The type this browser can record, or undefined when it cannot. */
export function recordingType() {
  if (!globalThis.MediaRecorder || !navigator.mediaDevices) return undefined;
  return TYPES.find((type) => MediaRecorder.isTypeSupported(type));
}

/** Begin to record the microphone. `finish()` gives the parameters of `input.transcribe`. */
export async function recordSpeech() {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const recorder = new MediaRecorder(stream, { mimeType: recordingType() });
  const chunks = [];
  recorder.addEventListener("dataavailable", (event) => chunks.push(event.data));
  const stopped = new Promise((resolve) => recorder.addEventListener("stop", resolve, { once: true }));
  recorder.start();
  const stop = async () => {
    if (recorder.state !== "inactive") recorder.stop();
    await stopped;
    for (const track of stream.getTracks()) track.stop();
  };
  return {
    discard: stop,
    async finish() {
      await stop();
      const audio = new Blob(chunks, { type: recorder.mimeType });
      return { audio_base64: await toBase64(audio), mime_type: recorder.mimeType };
    },
  };
}

async function toBase64(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}
