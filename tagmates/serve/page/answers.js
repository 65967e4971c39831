// Answers of one or two models to the same text, sentence by sentence.

import { tagText } from "./api.js";

const UPDATE_INTERVAL = 1000; // milliseconds between two updates of an unfinished answer

/** Yields `{models, sentences, done}`; the last one is `done`. `sentences[i]` has the answer of each model. */
export async function* answersTo(text, models, signal) {
  const parts = models.map(() => []);
  let done = false;
  const all = Promise.all(models.map((model, side) => gather(parts[side], tagText(text, model.name, signal))));
  all.then(() => (done = true), () => {});
  do {
    await Promise.race([all, new Promise((resolve) => setTimeout(resolve, UPDATE_INTERVAL))]);
    const both = Math.min(...parts.map((part) => part.length));
    const sentences = parts[0].slice(0, both).map((_, at) => parts.map((part) => part[at]));
    yield { models, sentences, done };
  } while (!done);
}

async function gather(list, sentences) {
  for await (const sentence of sentences) list.push(sentence);
}
