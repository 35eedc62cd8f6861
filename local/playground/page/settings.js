const KEY = "chatkit-playground";

const DEFAULTS = { endpoint: "stream", upload: "direct", token: "", theme: "light", panel: false };

/** What the header's controls were last set to; the token lasts as long as the tab. */
export function loadSettings() {
  const preferred = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const stored = JSON.parse(localStorage.getItem(KEY) ?? "{}");
  return { ...DEFAULTS, theme: preferred, ...stored, token: sessionStorage.getItem(KEY) ?? "" };
}

export function saveSettings({ token, ...rest }) {
  localStorage.setItem(KEY, JSON.stringify(rest));
  sessionStorage.setItem(KEY, token);
}
