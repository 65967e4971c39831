// The sentences of a text, tagged by one or two models, as they arrive.

import { tagText } from "./api.js";

const UPDATE_INTERVAL = 1000; // milliseconds between two updates while sentences arrive

/**
 * Tag a text with each of the models. Yields `{models, sentences, done}` until all sentences are tagged; the last one is
 * `done`. `sentences` are those that every model has tagged so far: a list for each sentence, with the result of each
 * model.
 */
export async function* tagWithModels(text, models, signal) {
  const tagged = models.map(() => []); // for each model, its sentences so far
  let done = false;
  const all = Promise.all(models.map((model, side) => collect(tagText(text, model.name, signal), tagged[side])));
  all.then(() => (done = true), () => {});
  do {
    await Promise.race([all, new Promise((resolve) => setTimeout(resolve, UPDATE_INTERVAL))]);
    const complete = Math.min(...tagged.map((own) => own.length));
    const sentences = tagged[0].slice(0, complete).map((_, at) => tagged.map((own) => own[at]));
    yield { models, sentences, done };
  } while (!done);
}

async function collect(sentences, list) {
  for await (const sentence of sentences) list.push(sentence);
}
