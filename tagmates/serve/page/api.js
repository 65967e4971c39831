// The service: its models, the sentences of a text as they are tagged, or what went wrong in one line.

const GONE = "The service does not answer. Your text is still here: see that it runs, then press Tag.";
const BROKEN = "The answer broke off. Your text is still here: press Tag to try again.";

/** What went wrong. `retryAfter`: after how many seconds to ask again; null where asking again would not help. */
export class ServiceError extends Error {
  constructor(message, retryAfter = null) {
    super(message);
    this.retryAfter = retryAfter;
  }
}

/** The models served, each with its tasks. */
export async function getModels(signal) {
  const response = await ask("api/models", { signal });
  return (await told(response.json(), GONE)).models;
}

/** The sentences of `text`, one by one as `model` tags them. */
export async function* tagText(text, model, signal) {
  const body = JSON.stringify({ text, model, probabilities: true });
  const headers = { "Content-Type": "application/json" };
  const response = await ask("api/tag/stream", { method: "POST", headers, body, signal });
  for await (const { document: _, ...sentence } of linesOf(response)) yield sentence;
}

async function ask(path, options) {
  const response = await told(fetch(path, options), GONE);
  if (response.ok) return response;
  const busy = response.status === 429 || response.status === 503;
  const seconds = Number(response.headers.get("Retry-After"));
  const { detail } = await response.json().catch(() => ({}));
  const message = typeof detail === "string" ? detail : `The service answered ${response.status}; press Tag to try again.`;
  throw new ServiceError(message, busy && seconds > 0 ? seconds : null);
}

async function* linesOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await told(reader.read(), BROKEN);
    if (done) throw new ServiceError(BROKEN); // without the line that says that it is done
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const item = parse(line);
      if (item.error) throw new ServiceError(item.error);
      if (item.done) return;
      yield item;
    }
  }
}

function parse(line) {
  try {
    return JSON.parse(line);
  } catch {
    throw new ServiceError(BROKEN);
  }
}

/** What a promise of the network gives; its failure, unless it was called off, as a ServiceError. */
async function told(promise, message) {
  try {
    return await promise;
  } catch (error) {
    throw error.name === "AbortError" ? error : new ServiceError(message);
  }
}
