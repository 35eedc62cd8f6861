"""The platform's texts for users, in the languages other than English.

The English text is the key. For a further language, add its table to `_TABLES`. An agent's own texts are not here.
"""

from __future__ import annotations

import re

DEFAULT_LANGUAGE = "en"

# `{}` stands for a part that stays as it is, such as a file's name.
_GERMAN = {
    # Approval cards.
    "Needs your approval": "Braucht Ihre Zustimmung",
    "Approve": "Zustimmen",
    "Reject": "Ablehnen",
    "Approved, no result yet": "Zugestimmt, noch kein Ergebnis",
    "Approved": "Zugestimmt",
    "Not approved": "Abgelehnt",
    "Its outcome is not known: check before you ask again.": (
        "Das Ergebnis ist nicht bekannt. Bitte prüfen Sie es, bevor Sie erneut fragen."
    ),
    "Yes": "Ja",
    "No": "Nein",
    "None": "Keine Angabe",
    "Calls the remote server `{}`.": "Ruft den entfernten Server `{}` auf.",
    "This has been answered already.": "Darauf wurde schon geantwortet.",
    "Another call beside this one is being made. Please answer again when it is done.": (
        "Ein anderer Aufruf läuft gerade. Bitte antworten Sie noch einmal, wenn er fertig ist."
    ),
    "This does not wait for an answer any more.": "Hier wird keine Antwort mehr erwartet.",
    "This was asked by an earlier version of the assistant, which cannot be continued. Please ask again.": (
        "Diese Frage stammt von einer früheren Version des Assistenten und kann nicht fortgesetzt werden. "
        "Bitte fragen Sie noch einmal."
    ),
    # The memory.
    "Keeps this for later conversations: {}": "Merkt sich dies für spätere Unterhaltungen: {}",
    "Kept for later conversations": "Für spätere Unterhaltungen gemerkt",
    "Forget": "Vergessen",
    "Forgotten": "Vergessen",
    "The memory is full. Please remove a fact first.": (
        "Das Gedächtnis ist voll. Bitte entfernen Sie zuerst einen Eintrag."
    ),
    "The memory is switched off.": "Das Gedächtnis ist ausgeschaltet.",
    "A search may have at most {} characters.": "Eine Suche darf höchstens {} Zeichen haben.",
    "Please type a word to search for.": "Bitte geben Sie ein Wort ein, nach dem gesucht werden soll.",
    "There is no such fact.": "Diesen Eintrag gibt es nicht.",
    "A fact must have 1 to {} visible characters and no control characters.": (
        "Ein Eintrag muss 1 bis {} sichtbare Zeichen haben und darf keine Steuerzeichen enthalten."
    ),
    # Sources.
    "Page {}": "Seite {}",
    # Notices.
    "A later request or a person ended this answer.": "Eine spätere Anfrage oder ein Mensch hat diese Antwort beendet.",
    "This answer is incomplete because it reached the length limit.": (
        "Diese Antwort ist unvollständig, weil sie die Längengrenze erreicht hat."
    ),
    "A picture could not be fetched. Please ask for it again.": (
        "Ein Bild konnte nicht geladen werden. Bitte fragen Sie noch einmal danach."
    ),
    "The file '{}' could not be fetched. Please ask for it again.": (
        "Die Datei „{}“ konnte nicht geladen werden. Bitte fragen Sie noch einmal danach."
    ),
    "The model did not accept a picture. The answer was written without it.": (
        "Das Modell hat ein Bild nicht angenommen. Die Antwort wurde ohne das Bild geschrieben."
    ),
    "The model did not accept a file. The answer was written without it.": (
        "Das Modell hat eine Datei nicht angenommen. Die Antwort wurde ohne die Datei geschrieben."
    ),
    "The model did not accept {}. The answer was written without it.": (
        "Das Modell hat dies nicht angenommen: {}. Die Antwort wurde ohne diesen Teil geschrieben."
    ),
    "The model read only the text of {}.": "Das Modell hat nur den Text gelesen von: {}.",
    "The model did not accept details of earlier steps. The answer was written without them.": (
        "Das Modell hat Einzelheiten früherer Schritte nicht angenommen. Die Antwort wurde ohne sie geschrieben."
    ),
    "The model did not accept the earlier part of this conversation. The answer was written without it.": (
        "Das Modell hat den früheren Teil dieser Unterhaltung nicht angenommen. Die Antwort wurde ohne ihn geschrieben."
    ),
    "This conversation is longer than the model can read. The model read a shortened form of it.": (
        "Diese Unterhaltung ist länger, als das Modell lesen kann. Das Modell hat eine gekürzte Fassung gelesen."
    ),
    "This model cannot use tools. The answer was written without them.": (
        "Dieses Modell kann keine Werkzeuge benutzen. Die Antwort wurde ohne sie geschrieben."
    ),
    "The model's content filter refused this message, so later answers leave it out. Please rephrase it.": (
        "Der Inhaltsfilter des Modells hat diese Nachricht abgelehnt. Spätere Antworten lassen sie weg. "
        "Bitte formulieren Sie sie anders."
    ),
    # Jobs.
    "Waiting": "Wartet",
    "Working": "In Arbeit",
    "Done": "Fertig",
    "Failed": "Fehlgeschlagen",
    "Cancelled": "Abgebrochen",
    "Cancel": "Abbrechen",
    "The job “{}” has failed.": "Die Aufgabe „{}“ ist fehlgeschlagen.",
    "The job “{}” was cancelled.": "Die Aufgabe „{}“ wurde abgebrochen.",
    "The job “{}” was cancelled after its work was done. There is no result.": (
        "Die Aufgabe „{}“ wurde abgebrochen, als ihre Arbeit schon getan war. Es gibt kein Ergebnis."
    ),
    "The job “{}” is done.": "Die Aufgabe „{}“ ist fertig.",
    # A person in place of the assistant.
    "A person is answering here. Your message has been passed on.": (
        "Hier antwortet eine Person. Ihre Nachricht wurde weitergegeben."
    ),
    "A person is answering here. Please send a message instead.": (
        "Hier antwortet eine Person. Bitte senden Sie stattdessen eine Nachricht."
    ),
    "{} answers here now. The assistant is silent meanwhile.": (
        "Hier antwortet jetzt {}. Der Assistent schweigt so lange."
    ),
    "The assistant answers here again.": "Hier antwortet wieder der Assistent.",
    "A person of the staff": "Eine Person aus dem Team",
    "Somebody else answers here already.": "Hier antwortet schon jemand anderes.",
    "You do not answer here. Take the conversation over first.": (
        "Hier antworten nicht Sie. Bitte übernehmen Sie zuerst die Unterhaltung."
    ),
    "Nobody can answer here.": "Hier kann niemand antworten.",
    # Marks under an answer that is not complete.
    "This answer is incomplete because time ran out.": "Diese Antwort ist unvollständig, weil die Zeit abgelaufen ist.",
    "This answer is incomplete because of an error.": "Diese Antwort ist wegen eines Fehlers unvollständig.",
    "This answer is incomplete because it was cut off.": "Diese Antwort ist unvollständig, weil sie abgebrochen wurde.",
    "This answer was withheld because it did not pass a check.": (
        "Diese Antwort wurde zurückgehalten, weil sie eine Prüfung nicht bestanden hat."
    ),
    "You stopped this new answer. The earlier answer is kept.": (
        "Sie haben diese neue Antwort gestoppt. Die frühere Antwort bleibt."
    ),
    "A later request ended this new answer. The earlier answer is kept.": (
        "Eine spätere Anfrage hat diese neue Antwort beendet. Die frühere Antwort bleibt."
    ),
    "The new answer is incomplete because time ran out. The earlier answer is kept.": (
        "Die neue Antwort ist unvollständig, weil die Zeit abgelaufen ist. Die frühere Antwort bleibt."
    ),
    "The new answer is incomplete because of an error. The earlier answer is kept.": (
        "Die neue Antwort ist wegen eines Fehlers unvollständig. Die frühere Antwort bleibt."
    ),
    "The new answer is incomplete because it was cut off. The earlier answer is kept.": (
        "Die neue Antwort ist unvollständig, weil sie abgebrochen wurde. Die frühere Antwort bleibt."
    ),
    # Errors: requests.
    "Something went wrong. Please try again.": "Etwas ist schiefgegangen. Bitte versuchen Sie es noch einmal.",
    "This assistant is not set up correctly. Please contact its administrator.": (
        "Dieser Assistent ist nicht richtig eingerichtet. Bitte wenden Sie sich an die Administration."
    ),
    "The request is not valid.": "Die Anfrage ist ungültig.",
    "You are not signed in. Please sign in and try again.": (
        "Sie sind nicht angemeldet. Bitte melden Sie sich an und versuchen Sie es noch einmal."
    ),
    "Your sign-in is not valid or has expired. Please sign in again.": (
        "Ihre Anmeldung ist ungültig oder abgelaufen. Bitte melden Sie sich neu an."
    ),
    "Your sign-in cannot be checked at the moment. Please try again.": (
        "Ihre Anmeldung kann gerade nicht geprüft werden. Bitte versuchen Sie es noch einmal."
    ),
    "You are not allowed to do this.": "Das dürfen Sie nicht.",
    "Not found.": "Nicht gefunden.",
    "This conversation does not exist. It may have been deleted.": (
        "Diese Unterhaltung gibt es nicht. Vielleicht wurde sie gelöscht."
    ),
    "This part of the conversation does not exist. It may have been deleted.": (
        "Diesen Teil der Unterhaltung gibt es nicht. Vielleicht wurde er gelöscht."
    ),
    "Something else is changing this at the moment. Please try again.": (
        "Etwas anderes ändert dies gerade. Bitte versuchen Sie es noch einmal."
    ),
    "This conversation is closed. Please start a new one.": (
        "Diese Unterhaltung ist geschlossen. Bitte beginnen Sie eine neue."
    ),
    "This thread was deleted.": "Diese Unterhaltung wurde gelöscht.",
    "The previous answer is still being written. Please wait until it is complete, or stop it.": (
        "Die vorige Antwort wird noch geschrieben. Bitte warten Sie, bis sie fertig ist, oder stoppen Sie sie."
    ),
    "This is too large. Please send less.": "Das ist zu groß. Bitte senden Sie weniger.",
    "This answer is too long to show here. It is saved in the conversation.": (
        "Diese Antwort ist zu lang, um sie hier anzuzeigen. Sie ist in der Unterhaltung gespeichert."
    ),
    "The usage limit is reached. Please try again later.": (
        "Das Nutzungslimit ist erreicht. Bitte versuchen Sie es später noch einmal."
    ),
    "This assistant does not support that.": "Das unterstützt dieser Assistent nicht.",
    "This assistant does not support {}.": "Dieser Assistent unterstützt das nicht: {}.",
    "The message is empty.": "Die Nachricht ist leer.",
    "The message is too long. Please send less.": "Die Nachricht ist zu lang. Bitte senden Sie weniger.",
    "A message may have at most {} characters. Please send less.": (
        "Eine Nachricht darf höchstens {} Zeichen haben. Bitte senden Sie weniger."
    ),
    "Today's usage limit is reached, so this answer is incomplete.": (
        "Das heutige Nutzungslimit ist erreicht. Deshalb ist diese Antwort unvollständig."
    ),
    "Other answers are still being written. Please wait until one is complete, or stop one.": (
        "Andere Antworten werden noch geschrieben. Bitte warten Sie, bis eine fertig ist, oder stoppen Sie eine."
    ),
    "This answer is open in too many places. Reload the page to see it here.": (
        "Diese Antwort ist an zu vielen Stellen geöffnet. Laden Sie die Seite neu, um sie hier zu sehen."
    ),
    "This assistant is switched off at the moment. Please contact its administrator.": (
        "Dieser Assistent ist zurzeit abgeschaltet. Bitte wenden Sie sich an die Verwaltung."
    ),
    "You have used {}% of today's limit.": "Sie haben {} % des heutigen Kontingents verbraucht.",
    "The limit for pictures is reached for today. The answer is written without one.": (
        "Die Höchstzahl der Bilder für heute ist erreicht. Die Antwort kommt ohne Bild."
    ),
    "This message cannot be answered here.": "Diese Nachricht kann hier nicht beantwortet werden.",
    "A check of a tool ended this answer.": "Eine Prüfung eines Werkzeugs hat diese Antwort beendet.",
    "This model is not offered here.": "Dieses Modell wird hier nicht angeboten.",
    "This tool is not offered here.": "Dieses Werkzeug wird hier nicht angeboten.",
    "The questions have been answered already.": "Die Fragen sind schon beantwortet.",
    "This is still being written. Please try again in a moment.": (
        "Dies wird noch geschrieben. Bitte versuchen Sie es gleich noch einmal."
    ),
    "Your data is being deleted. You can start again when that is done, in about half an hour.": (
        "Ihre Daten werden gerade gelöscht. Wenn das abgeschlossen ist, in etwa einer halben Stunde, können Sie neu "
        "beginnen."
    ),
    # Errors: files and recordings.
    "A file is still being checked. Please send your message again in a moment.": (
        "Eine Datei wird noch geprüft. Bitte senden Sie Ihre Nachricht gleich noch einmal."
    ),
    "The file '{}' is still being checked. Please send your message again in a moment.": (
        "Die Datei „{}“ wird noch geprüft. Bitte senden Sie Ihre Nachricht gleich noch einmal."
    ),
    "A file did not pass the security check. Please remove it.": (
        "Eine Datei hat die Sicherheitsprüfung nicht bestanden. Bitte entfernen Sie sie."
    ),
    "The file '{}' did not pass the security check. Please remove it.": (
        "Die Datei „{}“ hat die Sicherheitsprüfung nicht bestanden. Bitte entfernen Sie sie."
    ),
    "This file belongs to another conversation. Please upload it again here.": (
        "Diese Datei gehört zu einer anderen Unterhaltung. Bitte laden Sie sie hier noch einmal hoch."
    ),
    "A file has not finished uploading. Please wait a moment and try again.": (
        "Eine Datei ist noch nicht hochgeladen. Bitte warten Sie einen Moment und versuchen Sie es noch einmal."
    ),
    "The file '{}' has not been uploaded.": "Die Datei „{}“ wurde nicht hochgeladen.",
    "This type of file is not allowed. Please send another type.": (
        "Diese Art von Datei ist nicht erlaubt. Bitte senden Sie eine andere."
    ),
    "The content of '{}' is not {}.": "Der Inhalt von „{}“ ist nicht {}.",
    "An empty file cannot be attached.": "Eine leere Datei kann nicht angehängt werden.",
    "A file may have at most {} MB.": "Eine Datei darf höchstens {} MB groß sein.",
    "A file may have at most {} MB here.": "Eine Datei darf hier höchstens {} MB groß sein.",
    "The files of a message may have at most {} MB together.": (
        "Die Dateien einer Nachricht dürfen zusammen höchstens {} MB groß sein."
    ),
    "A message may have at most {} attachments.": "Eine Nachricht darf höchstens {} Anhänge haben.",
    "There is no such attachment.": "Diesen Anhang gibt es nicht.",
    "This recording's format is not supported. Use WebM, Ogg or MP4.": (
        "Das Format dieser Aufnahme wird nicht unterstützt. Möglich sind WebM, Ogg und MP4."
    ),
    "The recording is too long. Please record a shorter one.": (
        "Die Aufnahme ist zu lang. Bitte nehmen Sie eine kürzere auf."
    ),
    # Errors: the service and its model.
    "Your conversations are not available at the moment. Please try again.": (
        "Ihre Unterhaltungen sind gerade nicht verfügbar. Bitte versuchen Sie es noch einmal."
    ),
    "The documents cannot be searched at the moment. Please try again.": (
        "Die Dokumente können gerade nicht durchsucht werden. Bitte versuchen Sie es noch einmal."
    ),
    "This could not be saved. Please try it in another way.": (
        "Das konnte nicht gespeichert werden. Bitte versuchen Sie es auf andere Weise."
    ),
    "The assistant is answering many messages at the moment. Please try again in a few seconds.": (
        "Der Assistent beantwortet gerade viele Nachrichten. Bitte versuchen Sie es in ein paar Sekunden noch einmal."
    ),
    "The demo model failed because of the command !fail. Please try again.": (
        "Das Demomodell ist wegen des Befehls !fail gescheitert. Bitte versuchen Sie es noch einmal."
    ),
    "The model could not answer. Please try again.": (
        "Das Modell konnte nicht antworten. Bitte versuchen Sie es noch einmal."
    ),
    "The model is busy. Please try again in a moment.": (
        "Das Modell ist ausgelastet. Bitte versuchen Sie es gleich noch einmal."
    ),
    "The model took too long to answer. Please try again.": (
        "Das Modell hat zu lange für die Antwort gebraucht. Bitte versuchen Sie es noch einmal."
    ),
    "The model is not available at the moment. Please try again.": (
        "Das Modell ist gerade nicht verfügbar. Bitte versuchen Sie es noch einmal."
    ),
    "The model's content filter stopped this answer. Please rephrase your message.": (
        "Der Inhaltsfilter des Modells hat diese Antwort gestoppt. Bitte formulieren Sie Ihre Nachricht anders."
    ),
    "This answer was withheld because it did not pass a check. Please rephrase your message.": (
        "Diese Antwort wurde zurückgehalten, weil sie eine Prüfung nicht bestanden hat. "
        "Bitte formulieren Sie Ihre Nachricht anders."
    ),
    "This assistant cannot use its model. Please contact its administrator.": (
        "Dieser Assistent kann sein Modell nicht benutzen. Bitte wenden Sie sich an die Administration."
    ),
    "This model is not available. Please choose another, or contact the administrator.": (
        "Dieses Modell ist nicht verfügbar. Bitte wählen Sie ein anderes, oder wenden Sie sich an die Administration."
    ),
    "This assistant has used up its model budget. Please contact its administrator.": (
        "Dieser Assistent hat sein Budget für das Modell verbraucht. Bitte wenden Sie sich an die Administration."
    ),
    "The model does not accept this message. Please shorten or change it.": (
        "Das Modell nimmt diese Nachricht nicht an. Bitte kürzen oder ändern Sie sie."
    ),
    "This conversation is longer than the model can read. Please start a new conversation.": (
        "Diese Unterhaltung ist länger, als das Modell lesen kann. Bitte beginnen Sie eine neue."
    ),
    "The model gave no answer. Please try again or rephrase your message.": (
        "Das Modell hat keine Antwort gegeben. Bitte versuchen Sie es noch einmal, "
        "oder formulieren Sie Ihre Nachricht anders."
    ),
    "The assistant took too many steps without an answer. Please try again.": (
        "Der Assistent hat zu viele Schritte ohne Antwort gemacht. Bitte versuchen Sie es noch einmal."
    ),
    "The generated picture is not valid. Please try again.": (
        "Das erzeugte Bild ist ungültig. Bitte versuchen Sie es noch einmal."
    ),
    "This answer is incomplete because time ran out. You can ask for the rest.": (
        "Diese Antwort ist unvollständig, weil die Zeit abgelaufen ist. Sie können nach dem Rest fragen."
    ),
    "This answer is incomplete because something went wrong. Please try again.": (
        "Diese Antwort ist unvollständig, weil etwas schiefgegangen ist. Bitte versuchen Sie es noch einmal."
    ),
}
_TABLES = {"de": _GERMAN}


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text).replace(r"\{\}", "(.+)"))


_PATTERNS = {
    language: [(_pattern(text), said) for text, said in table.items() if "{}" in text]
    for language, table in _TABLES.items()
}


def language_of(accepted: str | None) -> str:
    """Return the language for a request: the most wanted one that the platform has.

    Args:
        accepted: The header `Accept-Language`, where ChatKit sends its locale.
    """
    wanted: list[tuple[float, str]] = []
    for part in (accepted or "").split(","):
        tag, _, quality = part.strip().lower().partition(";q=")
        try:
            wanted.append((float(quality or 1), tag.partition("-")[0]))
        except ValueError:
            continue
    # `sorted` keeps the order of equal weights.
    known = (language for weight, language in sorted(wanted, key=lambda each: -each[0]) if weight > 0)
    return next((each for each in known if each == DEFAULT_LANGUAGE or each in _TABLES), DEFAULT_LANGUAGE)


def in_language(text: str, language: str) -> str:
    """Return one of the platform's texts in a language. Any other text comes back as it is."""
    table = _TABLES.get(language)
    if table is None:
        return text
    if text in table:
        return table[text]
    for pattern, said in _PATTERNS[language]:
        if found := pattern.fullmatch(text):
            return said.format(*found.groups())
    return text
