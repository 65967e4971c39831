// The page: actions of the user, requests to the service, and display of the results.

import { ServiceError, getModels } from "./api.js";
import { chosenLayers, chosenModels, readLayers, showChoices, toggleLayer } from "./choices.js";
import { listen } from "./keyboard.js";
import { readLink, writeLink } from "./link.js";
import { tagWithModels } from "./answers.js";
import { count, nextDifference, show, take } from "./results.js";

const EXAMPLE =
  "Maria picked up the keys in Dublin on Friday. " +
  "By the way, our small team won its last match in Oslo, so nobody went home before midnight.";
const TYPING_PAUSE = 300; // milliseconds after the last key until the text is tagged

const at = (id) => document.getElementById(id);
const view = { text: readLink().text ?? EXAMPLE, model: null, other: null, layers: null };
let models = []; // all models of the service
let result = null; // the last valid result
let asking = new AbortController();
let timer = 0;

/** Tag now. Answers to older requests are dropped; the last valid result stays until there is a new one. */
async function ask() {
  clearTimeout(timer);
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  at("results").setAttribute("aria-busy", "true");
  try {
    if (!models.length) await loadModels(signal);
    if (view.text.trim()) await showAll(tagWithModels(view.text, chosenModels(view, models), signal), signal);
    else clear();
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof ServiceError)) throw error;
    asking.abort(); // also cancels the answer of the other model
    if (error.retryAfter === null) say("", error.message);
    else tryAgainIn(error.retryAfter);
  } finally {
    if (asking.signal === signal) at("results").removeAttribute("aria-busy");
  }
}

async function loadModels(signal) {
  models = await getModels(signal);
  readView();
}

async function showAll(answers, signal) {
  for await (const answer of answers) {
    if (signal.aborted) return;
    if (!answer.done && !answer.sentences.length) {
      say("Tagging …");
      continue;
    }
    result = answer;
    show(result, chosenLayers(view, result.models));
    say(answer.done ? "" : `Tagging … ${count(answer.sentences.length, "sentence")} so far.`);
  }
}

function tryAgainIn(seconds) {
  say(`The service is busy. The next try is in ${seconds} s.`);
  timer = setTimeout(ask, 1000 * seconds);
}

function clear() {
  result = null;
  show(null);
  say("");
}

function say(text, wrong = "") {
  at("status").textContent = text;
  at("error").textContent = wrong;
}

/** Read the view from the address. Missing values stay as they are, or become the first of the service. */
function readView() {
  const link = readLink();
  const has = (name) => models.some((model) => model.name === name);
  view.text = link.text ?? view.text;
  view.model = has(link.model) ? link.model : models[0].name;
  view.other = has(link.other) && link.other !== view.model ? link.other : null;
  view.layers = link.layers;
  if (at("text").value !== view.text) at("text").value = view.text;
  showChoices(view, models);
}

function textChanged() {
  view.text = at("text").value;
  writeLink(view);
  clearTimeout(timer);
  timer = setTimeout(ask, TYPING_PAUSE);
}

function setText(text) {
  at("text").value = text;
  at("text").focus();
  textChanged();
  ask();
}

function modelsChanged() {
  view.model = at("model").value;
  view.other = at("other").value === view.model ? null : at("other").value || null;
  showChoices(view, models);
  writeLink(view);
  ask();
}

function layersChanged() {
  view.layers = readLayers();
  writeLink(view);
  if (result) show(result, chosenLayers(view, result.models));
}

at("text").value = view.text;
at("text").addEventListener("input", textChanged);
at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});
at("example").addEventListener("click", () => setText(EXAMPLE));
at("clear").addEventListener("click", () => setText(""));
at("model").addEventListener("change", modelsChanged);
at("other").addEventListener("change", modelsChanged);
at("chips").addEventListener("change", layersChanged);
at("next").addEventListener("click", nextDifference);
for (const button of at("take").querySelectorAll("button")) {
  const [how, format] = button.id.split("-");
  button.addEventListener("click", () =>
    take(how, format).then(say, () => say("", "The browser does not allow this page to copy. Download the file instead.")),
  );
}
addEventListener("hashchange", () => {
  if (models.length) readView();
  ask();
});
listen({ tag: ask, toggle: toggleLayer, next: nextDifference });
ask();
