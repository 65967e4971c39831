// A question to one or two models at once: the same text, answered sentence by sentence.

import { tagText } from "./api.js";

const SO_FAR = 1000; // milliseconds after which an unfinished answer is worth showing

/** Answers `{models, sentences, done}`, the last with `done`; `sentences[i]` has an answer of each model. */
export async function* answersTo(text, models, signal) {
  const parts = models.map(() => []);
  let done = false;
  const all = Promise.all(models.map((model, side) => gather(parts[side], tagText(text, model.name, signal))));
  all.then(() => (done = true), () => {});
  do {
    await Promise.race([all, new Promise((resolve) => setTimeout(resolve, SO_FAR))]);
    const both = Math.min(...parts.map((part) => part.length));
    const sentences = parts[0].slice(0, both).map((_, at) => parts.map((part) => part[at]));
    yield { models, sentences, done };
  } while (!done);
}

async function gather(list, sentences) {
  for await (const sentence of sentences) list.push(sentence);
}
