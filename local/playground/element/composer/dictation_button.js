import { useRef, useState } from "preact/hooks";
import { classes, html, useMounted, useParts, useSetup } from "../html.js";
import { Icon } from "../icons.js";
import { recordSpeech, recordingType } from "./recorder.js";
import { say } from "../texts.js";

/** Speak instead of typing: record, send to `input.transcribe`, add the text. */
export function DictationButton() {
  const { kit, composer } = useParts();
  const [phase, setPhase] = useState("idle");
  const recording = useRef(null);
  const mounted = useMounted();
  useSetup(() => () => recording.current?.discard(), []);
  if (!recordingType()) return null;

  const start = async () => {
    try {
      const started = await recordSpeech();
      // The user may have left while the browser asked for permission: the microphone must not stay on.
      if (!mounted.current) return started.discard();
      recording.current = started;
      setPhase("recording");
    } catch (error) {
      kit.notify(new Error(say("The microphone cannot be used: {reason}", { reason: error.message })));
    }
  };
  const finish = async () => {
    setPhase("transcribing");
    try {
      const audio = await recording.current.finish();
      recording.current = null;
      const { text } = await kit.client.call("input.transcribe", audio);
      const before = composer.state.text;
      composer.set({ text: before && !before.endsWith(" ") ? `${before} ${text}` : before + text });
    } catch (error) {
      kit.notify(error);
    } finally {
      setPhase("idle");
    }
  };
  const labels = { idle: say("Dictate"), recording: say("Finish dictation"), transcribing: say("Transcribing") };
  return html`<button
    type="button"
    class=${classes("icon-button", phase === "recording" && "recording")}
    aria-label=${labels[phase]}
    title=${labels[phase]}
    disabled=${phase === "transcribing"}
    onClick=${phase === "idle" ? start : finish}
  >
    <${Icon} name=${{ idle: "mic", recording: "check", transcribing: "loader-circle" }[phase]} size=${18} class=${phase === "transcribing" ? "spin" : ""} />
  </button>`;
}
