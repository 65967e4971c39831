// Rows of tags under the words (a row is a layer of one model) and their cells. Nothing is drawn here.

export const UNSURE = 0.7; // a tag less probable than this is marked

/** The layers of these models without duplicates, in their order. */
export function layersOf(models) {
  return [...new Set(models.flatMap((model) => model.tasks.map((task) => task.name)))];
}

/** A row for each of the `layers` and each model that has it; the two rows of a shared layer are adjacent. */
export function rowsOf(models, layers) {
  return layers.flatMap((layer) => {
    const found = models.flatMap((model, side) => {
      const task = model.tasks.find((each) => each.name === layer);
      if (!task) return [];
      return [{ layer, side, model: model.name, plain: task.scheme === "plain", outside: task.outside }];
    });
    const bySpan = found.every((row) => !row.plain);
    const name = (row) => (models.length > 1 ? `${layer} ${"AB"[row.side]}` : layer);
    return found.map((row) => ({ ...row, name: name(row), shared: found.length > 1, bySpan }));
  });
}

/** For each row, a cell for each token of a sentence (`answers`: one for each model). */
export function cellsOf(answers, rows) {
  const cells = rows.map((row) => rowCells(answers[row.side], row));
  for (let i = 0; i + 1 < rows.length; i++) {
    if (rows[i].shared && rows[i].side === 0) compareCells(cells[i], cells[i + 1], rows[i].bySpan);
  }
  return cells;
}

function rowCells(answer, row) {
  const probabilities = answer.probabilities?.[row.layer];
  const cells = answer.tags[row.layer].map((tag, at) => {
    const chip = row.plain && tag !== row.outside;
    const probability = probabilities ? probabilities[at] : null;
    const place = { span: "O", spanProbability: null };
    return { tag, probability, kind: chip ? "chip" : "none", label: chip ? tag : "", ...place };
  });
  for (const { start, end, label, probability = null } of row.plain ? [] : answer.spans[row.layer]) {
    for (let at = start; at < end; at++) {
      const place = { begins: at === start, ends: at === end - 1, span: `${start} ${end} ${label}` };
      Object.assign(cells[at], { kind: "span", label, spanProbability: probability, ...place });
    }
  }
  return cells;
}

/** Compare spans if both rows have them, because two schemes may use different tags for the same span. */
function compareCells(ours, theirs, bySpan) {
  ours.forEach((cell, at) => {
    const other = theirs[at];
    cell.differs = other.differs = bySpan ? cell.span !== other.span : cell.tag !== other.tag;
    other.repeats = !other.differs;
  });
}
