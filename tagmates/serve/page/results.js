// Display of a result, its summary, and its export.

import { copy, save, toConll, toJson } from "./export.js";
import { focusOn } from "./keyboard.js";
import { placeOf, showSentences } from "./sentence_list.js";
import { UNSURE, cellsOf, rowsOf } from "./rows.js";
import { hide } from "./tooltip.js";

const at = (id) => document.getElementById(id);
const EMPTY_RESULT = { models: [], sentences: [], layers: [], rows: [], differing: [] };
let shown = EMPTY_RESULT;

/** Show a result with these layers; null clears the page. */
export function show(result, layers) {
  if (!result) shown = EMPTY_RESULT;
  else {
    const rows = rowsOf(result.models, layers);
    shown = { ...result, layers, rows, differing: differingWords(result, rows) };
  }
  const { models, sentences, rows, differing } = shown;
  hide();
  at("results").hidden = sentences.length === 0;
  at("sentences").classList.toggle("compared", models.length > 1);
  showSentences(sentences, rows);
  at("summary").textContent = summary();
  at("key").textContent = rows.length ? `Rows: ${rows.map((row) => row.name).join(" · ")}` : "No layer is selected.";
  at("next").hidden = differing.length === 0;
  at("sides").textContent = models.length > 1 ? models.map((model, side) => `${"AB"[side]} ${model.name}`).join(" · ") : "";
}

/** Move the focus to the next word on which the models differ; after the last one to the first. */
export function nextDifference() {
  const here = document.activeElement.closest(".word");
  const place = placeOf(here);
  const word = here ? [...here.parentElement.children].indexOf(here) : -1;
  const next = shown.differing.find(([p, w]) => p > place || (p === place && w > word)) ?? shown.differing[0];
  if (next) focusOn(next[0], `.word:nth-child(${next[1] + 1}) > .token`);
}

/** Copy or save the shown results as conll or json; returns a message. */
export async function take(how, format) {
  const text = format === "conll" ? toConll(shown) : toJson(shown);
  if (how === "save") save(`tagmates.${format}`, text);
  else await copy(text);
  return `${how === "save" ? "Saved" : "Copied"} ${count(shown.sentences.length, "sentence")}.`;
}

/** `1 word`, `2,000 words`. */
export function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

function summary() {
  const { models, sentences, rows, differing } = shown;
  const words = sentences.reduce((sum, [answer]) => sum + answer.tokens.length, 0);
  const parts = [count(sentences.length, "sentence"), count(words, "word")];
  const unsure = rows.reduce((sum, row) => sum + unsureTags(row), 0);
  if (models.length < 2 && unsure) parts.push(`${count(unsure, "unsure tag")}, marked ?`);
  if (models.length > 1) {
    const common = rows.some((row) => row.shared);
    parts.push(common ? `the models differ on ${count(differing.length, "word")}` : "the models have no layer in common");
  }
  return parts.join(" · ");
}

function unsureTags(row) {
  const few = (answer) => (answer.probabilities?.[row.layer] ?? []).filter((each) => each < UNSURE).length;
  return shown.sentences.reduce((sum, answers) => sum + few(answers[row.side]), 0);
}

/** `[place, word]` of each word with a tag on which the models differ. */
function differingWords({ models, sentences }, rows) {
  if (models.length < 2) return [];
  return sentences.flatMap((answers, place) => {
    const cells = cellsOf(answers, rows);
    return answers[0].tokens.flatMap((_, word) => (cells.some((row) => row[word].differs) ? [[place, word]] : []));
  });
}
