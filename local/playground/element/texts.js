/**
 * The texts of the element. English stands in the code; a language is one table from English to its own words. To add one,
 * copy `GERMAN`, translate it and name it in `TABLES`. A text without a translation stays English.
 */
const GERMAN = {
  "1 step": "1 Schritt",
  "{count} steps": "{count} Schritte",
  "Answer again": "Neu antworten",
  "Answering": "Antwortet",
  "Attach files": "Dateien anhängen",
  "Attachments": "Anhänge",
  "Bad response": "Schlechte Antwort",
  "Chats": "Chats",
  "Close history": "Verlauf schließen",
  "Close source": "Quelle schließen",
  "Conversation": "Unterhaltung",
  "Copied": "Kopiert",
  "Copy": "Kopieren",
  "Delete": "Löschen",
  "Delete “{title}”?": "„{title}“ löschen?",
  "Delete {title}": "{title} löschen",
  "Delete {title}?": "{title} löschen?",
  "Dictate": "Diktieren",
  "Dismiss": "Ausblenden",
  "Finish dictation": "Diktat beenden",
  "Generated picture": "Erzeugtes Bild",
  "Good response": "Gute Antwort",
  "Hide": "Ausblenden",
  "History": "Verlauf",
  "Jump to latest": "Zum Neuesten",
  "Keep": "Behalten",
  "Loading…": "Wird geladen …",
  "Locked": "Gesperrt",
  "Made a picture": "Hat ein Bild gemacht",
  "Making a picture": "Macht ein Bild",
  "Making the picture": "Macht das Bild",
  "Mention": "Erwähnen",
  "Message": "Nachricht",
  "Message the AI": "Nachricht an die KI",
  "Model": "Modell",
  "New chat": "Neuer Chat",
  "No chats yet.": "Noch keine Chats.",
  "No more files fit into this message.": "In diese Nachricht passen keine weiteren Dateien.",
  "Not sent": "Nicht gesendet",
  "Open {name}": "{name} öffnen",
  "Quote": "Zitieren",
  "Ran": "Ausgeführt:",
  "Read files": "Hat Dateien gelesen",
  "Ready": "Bereit",
  "Remove quote": "Zitat entfernen",
  "Remove {name}": "{name} entfernen",
  "Remove {name} to send your message: the file was not accepted.":
    "Entfernen Sie {name}, um die Nachricht zu senden: Die Datei wurde nicht angenommen.",
  "Rename {title}": "{title} umbenennen",
  "Retry": "Erneut versuchen",
  "Running": "Läuft:",
  "Save": "Speichern",
  "Searched the web": "Hat im Web gesucht",
  "Select…": "Auswählen …",
  "Send": "Senden",
  "Show": "Anzeigen",
  "Show earlier messages": "Frühere Nachrichten anzeigen",
  "Show {count} more": "{count} weitere anzeigen",
  "Show more": "Mehr anzeigen",
  "Skip": "Überspringen",
  "Skipped": "Übersprungen",
  "Something else": "Etwas anderes",
  "Something else…": "Etwas anderes …",
  "Something went wrong while answering.": "Beim Antworten ist ein Fehler aufgetreten.",
  "Something went wrong.": "Ein Fehler ist aufgetreten.",
  "Source": "Quelle",
  "Source {number}": "Quelle {number}",
  "Sources": "Quellen",
  "Stop": "Stopp",
  "Stopping…": "Wird gestoppt …",
  "Submit": "Absenden",
  "Suggestions": "Vorschläge",
  "Table": "Tabelle",
  "Task": "Aufgabe",
  "That is too large.": "Das ist zu groß.",
  "The browser did not allow this page to copy. Select the text and copy it yourself.":
    "Der Browser hat das Kopieren nicht erlaubt. Markieren Sie den Text und kopieren Sie ihn selbst.",
  "The connection to the server was lost.": "Die Verbindung zum Server ist unterbrochen.",
  "The microphone cannot be used: {reason}": "Das Mikrofon lässt sich nicht verwenden: {reason}",
  "The server answered {status}.": "Der Server hat mit {status} geantwortet.",
  "The server did not answer with a stream.": "Die Antwort des Servers ist nicht lesbar.",
  "The storage refused the file ({status}).": "Der Speicher hat die Datei abgelehnt ({status}).",
  "Thinking…": "Denkt nach …",
  "This chat is closed.": "Dieser Chat ist geschlossen.",
  "This chat is locked.": "Dieser Chat ist gesperrt.",
  "This conversation could not be found.": "Diese Unterhaltung wurde nicht gefunden.",
  "This type of file is not allowed.": "Dateien dieser Art sind nicht erlaubt.",
  "Thought for {time}": "Hat {time} nachgedacht",
  "Thoughts": "Gedanken",
  "Title": "Titel",
  "Too many requests. Please wait a moment.": "Zu viele Anfragen. Bitte warten Sie einen Moment.",
  "Tools": "Werkzeuge",
  "Transcribing": "Schreibt mit",
  "Try again": "Erneut versuchen",
  "Uploading…": "Wird hochgeladen …",
  "Waiting for the answer": "Wartet auf die Antwort",
  "What can I help with today?": "Wobei kann ich heute helfen?",
  "Working…": "Arbeitet …",
  "You are not allowed to do this.": "Das dürfen Sie nicht.",
  "You are not signed in, or your token is no longer valid.": "Sie sind nicht angemeldet, oder Ihre Anmeldung ist abgelaufen.",
  "Your message can be sent when its files have been uploaded.":
    "Ihre Nachricht kann gesendet werden, sobald die Dateien hochgeladen sind.",
  "Your own answer: {question}": "Ihre eigene Antwort: {question}",
  "a moment": "einen Moment",
  "in this page": "auf dieser Seite",
  "{name} is larger than {size}.": "{name} ist größer als {size}.",
  "{name} is not of an allowed type.": "{name} ist von einer Art, die nicht erlaubt ist.",
};

const TABLES = { de: GERMAN };

/** Languages that are written from right to left. */
const RIGHT_TO_LEFT = new Set(["ar", "dv", "fa", "he", "ku", "ps", "ur", "yi"]);

let locale = "en";

const language = () => locale.split("-")[0].toLowerCase();

/** Set the page's language by the element's option `locale`; without one, the browser's language counts. */
export function setLocale(wanted) {
  locale = wanted || navigator.language || "en";
}

/** Return the language that dates and numbers are written in. */
export const currentLocale = () => locale;

/** Return the direction that the language is written in. */
export const direction = () => (RIGHT_TO_LEFT.has(language()) ? "rtl" : "ltr");

/**
 * Return a text in the page's language.
 * @param {string} text the English text; `{name}` stands for a value
 * @param {Record<string, string | number>} [values]
 */
export function say(text, values = {}) {
  return (TABLES[language()]?.[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}
