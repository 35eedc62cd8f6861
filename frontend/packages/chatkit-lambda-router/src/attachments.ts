/** A file that the server has: ChatKit's `Attachment`. */
export type Attachment =
  | { type: "file"; id: string; name: string; mime_type: string }
  | { type: "image"; id: string; name: string; mime_type: string; preview_url: string };

/** The files that this page has uploaded. A message names them by id, and `setComposerValue` needs the whole of them. */
export class Attachments {
  #known = new Map<string, Attachment>();

  /** Remember the file in the answer to an upload. */
  async note(answer: Response): Promise<void> {
    if (!answer.ok) return;
    try {
      const given = (await answer.clone().json()) as Partial<Attachment> & { preview_url?: string };
      const { type, id, name, mime_type, preview_url } = given;
      if (!id || !name || !mime_type) return;
      if (type === "file") this.#known.set(id, { type, id, name, mime_type });
      else if (type === "image" && preview_url) this.#known.set(id, { type, id, name, mime_type, preview_url });
    } catch {
      // ChatKit tells the user of an answer that it cannot read.
    }
  }

  /** Return the known ones of these files. */
  find(ids: string[]): Attachment[] {
    return ids.flatMap((id) => this.#known.get(id) ?? []);
  }
}
