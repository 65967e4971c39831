// Calls of the service: its models, the sentences of a text as they are tagged, and errors.

const NO_ANSWER = "The service does not answer. Your text is still here. Check that the service runs, then press Tag.";
const INTERRUPTED = "The answer was interrupted. Your text is still here. Press Tag to try again.";

/** An error of the service. `retryAfter`: seconds until the next try; null if another try would not help. */
export class ServiceError extends Error {
  constructor(message, retryAfter = null) {
    super(message);
    this.retryAfter = retryAfter;
  }
}

/** The models of the service, each with its tasks. */
export async function getModels(signal) {
  const response = await ask("api/models", { signal });
  return (await orError(response.json(), NO_ANSWER)).models;
}

/** The sentences of `text`, one by one as `model` tags them. */
export async function* tagText(text, model, signal) {
  const body = JSON.stringify({ text, model, probabilities: true });
  const headers = { "Content-Type": "application/json" };
  const response = await ask("api/tag/stream", { method: "POST", headers, body, signal });
  for await (const { document: _, ...sentence } of linesOf(response)) yield sentence;
}

async function ask(path, options) {
  const response = await orError(fetch(path, options), NO_ANSWER);
  if (response.ok) return response;
  const busy = response.status === 429 || response.status === 503;
  const seconds = Number(response.headers.get("Retry-After"));
  const { detail } = await response.json().catch(() => ({}));
  const message = typeof detail === "string" ? detail : `The service answered with status ${response.status}. Press Tag to try again.`;
  throw new ServiceError(message, busy && seconds > 0 ? seconds : null);
}

async function* linesOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await orError(reader.read(), INTERRUPTED);
    if (done) throw new ServiceError(INTERRUPTED); // the last line, which says that it is done, is missing
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
    throw new ServiceError(INTERRUPTED);
  }
}

/** The result of a network promise; a failure becomes a ServiceError, unless it was cancelled. */
async function orError(promise, message) {
  try {
    return await promise;
  } catch (error) {
    throw error.name === "AbortError" ? error : new ServiceError(message);
  }
}
