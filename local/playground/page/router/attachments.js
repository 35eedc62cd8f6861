/** The files that this page has uploaded. A message names them by id, and `setComposerValue` needs the whole of them. */
export class Attachments {
    #known = new Map();
    /** Remember the file in the answer to an upload. */
    async note(answer) {
        if (!answer.ok)
            return;
        try {
            const given = (await answer.clone().json());
            const { type, id, name, mime_type, preview_url } = given;
            if (!id || !name || !mime_type)
                return;
            if (type === "file")
                this.#known.set(id, { type, id, name, mime_type });
            else if (type === "image" && preview_url)
                this.#known.set(id, { type, id, name, mime_type, preview_url });
        }
        catch {
            // ChatKit tells the user of an answer that it cannot read.
        }
    }
    /** Return the known ones of these files. */
    find(ids) {
        return ids.flatMap((id) => this.#known.get(id) ?? []);
    }
}
