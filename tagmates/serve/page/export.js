// Export of the shown results as text, to copy or to save.

/** CoNLL columns as `tagmates tag` writes them: a line for each word, a column for each row of tags. */
export function toConll({ models, sentences, rows }) {
  const names = rows.map((row) => (models.length > 1 ? `${row.layer}:${row.model}` : row.layer));
  const line = (answers, at) => [answers[0].tokens[at], ...rows.map((row) => answers[row.side].tags[row.layer][at])].join("\t");
  const blocks = sentences.map((answers) => answers[0].tokens.map((_, at) => `${line(answers, at)}\n`).join(""));
  const full = blocks.filter((block) => block !== "");
  return `# ${["token", ...names].join("\t")}\n${full.map((block) => `${block}\n`).join("")}`;
}

/** The JSON of `POST /api/tag` with the shown layers; for two models, a list of both. */
export function toJson({ models, sentences, layers }) {
  const answers = models.map((model, side) => {
    const tasks = layers.filter((layer) => model.tasks.some((task) => task.name === layer));
    const own = sentences.map((answers) => cut(answers[side], tasks));
    return { model: model.name, tasks, documents: [{ sentences: own }] };
  });
  return `${JSON.stringify(answers.length > 1 ? answers : answers[0], null, 1)}\n`;
}

function cut(sentence, tasks) {
  const only = (values) => values && Object.fromEntries(Object.entries(values).filter(([name]) => tasks.includes(name)));
  const { tags, probabilities, spans } = sentence;
  return { ...sentence, tags: only(tags), probabilities: only(probabilities), spans: only(spans) };
}

/** Save text as a file. */
export function save(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Copy text to the clipboard, also over plain HTTP, where browsers hide `navigator.clipboard`. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    copyWithEvent(text);
  }
}

function copyWithEvent(text) {
  const give = (event) => {
    event.preventDefault();
    event.clipboardData.setData("text/plain", text);
  };
  document.addEventListener("copy", give, { once: true });
  if (!document.execCommand("copy")) throw new Error("copying is not allowed");
}
