// The user's choice of models and layers. `layers` null means all.

import { layersOf } from "./rows.js";

const at = (id) => document.getElementById(id);

/** The chosen models: one, or two to compare. */
export function chosenModels(view, models) {
  return [view.model, view.other].flatMap((name) => models.filter((model) => model.name === name));
}

/** The layers to show; all if the chosen ones belong to another model. */
export function chosenLayers(view, models) {
  const known = layersOf(models);
  if (!view.layers?.length) return view.layers ?? known;
  const layers = known.filter((layer) => view.layers.includes(layer));
  return layers.length ? layers : known;
}

/** Fill the selectors of models and the toggles of layers. */
export function showChoices(view, models) {
  const names = models.map((model) => model.name);
  fill(at("model"), names, view.model);
  fill(at("other"), ["", ...names.filter((name) => name !== view.model)], view.other ?? "");
  at("comparing").hidden = models.length < 2;
  const chosen = chosenModels(view, models);
  const layers = chosenLayers(view, chosen);
  at("chips").replaceChildren(...layersOf(chosen).map((layer) => toggle(layer, layers.includes(layer))));
  at("layers").hidden = chosen.length === 0;
  const licences = chosen.flatMap((model) => (model.licence ? [`${model.name}: ${model.licence}`] : []));
  at("licence").textContent = licences.length ? `Licence of the model ${licences.join("; ")}.` : "";
}

/** The layers whose toggles are on; null if all are. */
export function readLayers() {
  const boxes = [...at("chips").querySelectorAll("input")];
  return boxes.every((box) => box.checked) ? null : boxes.filter((box) => box.checked).map((box) => box.value);
}

/** Switch the layer with this number, from 1. */
export function toggleLayer(number) {
  at("chips").querySelectorAll("input")[number - 1]?.click();
}

function fill(select, names, chosen) {
  select.replaceChildren(...names.map((name) => new Option(name || "none", name, false, name === chosen)));
}

function toggle(layer, on) {
  const label = document.createElement("label");
  const box = document.createElement("input");
  box.type = "checkbox";
  box.value = layer;
  box.checked = on;
  label.append(box, layer);
  return label;
}
