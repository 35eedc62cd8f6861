import { useState } from "preact/hooks";
import { html, useParts } from "../html.js";
import { say } from "../texts.js";

/** Value of the choice that stands for the user's own words. */
const OWN = "__own_answer__";

/** Questions the assistant asks: choices or free text; answered, skipped one by one, or all left out. */
export function StructuredInput({ item, active }) {
  if (item.status !== "pending") return html`<${Answers} item=${item} />`;
  return html`<${Questions} item=${item} disabled=${active} />`;
}

function Answers({ item }) {
  return html`<dl class="structured answered">
    ${item.inputs.map(
      ({ id, question, answer }) => html`<div key=${id}>
        <dt>${question}</dt>
        <dd>${answer && !answer.skipped && answer.values?.length ? answer.values.join(", ") : html`<em>${say("Skipped")}</em>`}</dd>
      </div>`,
    )}
  </dl>`;
}

function Questions({ item, disabled }) {
  const { conversation } = useParts();
  const submit = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const answers = Object.fromEntries(item.inputs.map((input) => [input.id, answerOf(input, form)]));
    conversation.answerStructuredInput(item.id, { status: "answered", answers });
  };
  const skip = () => conversation.answerStructuredInput(item.id, { status: "skipped", answers: {} });
  return html`<form class="structured" onSubmit=${submit}>
    <fieldset disabled=${disabled}>
      ${item.inputs.map((input) =>
        input.type === "multiple_choice"
          ? html`<${MultipleChoice} key=${input.id} input=${input} />`
          : html`<${Freeform} key=${input.id} input=${input} />`,
      )}
      <div class="form-buttons">
        <button class="button primary">${say("Submit")}</button>
        <button type="button" class="button outline" onClick=${skip}>${say("Skip")}</button>
      </div>
    </fieldset>
  </form>`;
}

function answerOf(input, form) {
  const own = (form.get(`${input.id}${OWN}`) ?? "").trim();
  const values = form
    .getAll(input.id)
    .map((value) => (value === OWN ? own : value.trim()))
    .filter(Boolean);
  return values.length ? { values, skipped: false } : { values: [], skipped: true };
}

function MultipleChoice({ input }) {
  const [own, setOwn] = useState("");
  const type = input.multiple ? "checkbox" : "radio";
  return html`<fieldset class="question">
    <legend>${input.question}</legend>
    ${input.options.map(
      ({ value }) => html`<label class="choice" key=${value}><input type=${type} name=${input.id} value=${value} /> ${value}</label>`,
    )}
    <label class="choice">
      <input type=${type} name=${input.id} value=${OWN} checked=${own !== ""} aria-label=${say("Something else")} />
      <input
        type="text"
        class="control"
        name=${`${input.id}${OWN}`}
        placeholder=${say("Something else…")}
        aria-label=${say("Your own answer: {question}", { question: input.question })}
        value=${own}
        onInput=${(event) => setOwn(event.target.value)}
      />
    </label>
  </fieldset>`;
}

function Freeform({ input }) {
  return html`<label class="question">
    <span class="question-title">${input.question}</span>
    ${input.description && html`<span class="hint">${input.description}</span>`}
    <textarea class="control" name=${input.id} rows="2"></textarea>
  </label>`;
}
