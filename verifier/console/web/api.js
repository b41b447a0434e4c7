/** The local service that decides: the only thing that these pages ever talk to. */

/** Nobody answers: the service has stopped, or is another one. */
export class Gone extends Error {
  name = "Gone";
}

/** The service said no; `code` is its dotted word, `detail` one line for a log. */
export class Refused extends Error {
  name = "Refused";

  constructor(status, { error = "", ...more } = {}) {
    super(`${status} ${error}`);
    this.status = status;
    this.code = error;
    this.more = more;
  }
}

/** Longer than any decision takes; a service that hangs is as good as gone. */
const PATIENCE = 8_000;

/**
 * @param {string} method Of HTTP.
 * @param {string} path Below `api/`.
 * @param {object} [body] Sent as JSON; or a Blob, sent as what it is.
 * @param {{patience?: number, signal?: AbortSignal}} [how] Milliseconds to wait, and what ends the waiting.
 * @returns {Promise<Response>} A good answer.
 * @throws {Gone} No answer, or one that is nobody's of ours.
 * @throws {Refused} A bad one.
 */
export async function ask(method, path, body, { patience = PATIENCE, signal } = {}) {
  const isBytes = body instanceof Blob;
  const waits = AbortSignal.timeout(patience);
  let response;
  try {
    response = await fetch(`api/${path}`, {
      method,
      cache: "no-store",
      credentials: "same-origin",
      redirect: "error",
      signal: signal ? AbortSignal.any([signal, waits]) : waits,
      headers: method === "GET" ? {} : { "Content-Type": isBytes ? body.type : "application/json" },
      body: method === "GET" ? undefined : isBytes ? body : JSON.stringify(body ?? {}),
    });
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw new Gone(error.name);
  }
  if (response.ok) return response;
  throw new Refused(response.status, await response.json().catch(() => ({})));
}

/** As `ask`; returns what the JSON of the answer says. */
export async function tell(method, path, body, how) {
  const response = await ask(method, path, body, how);
  try {
    return await response.json();
  } catch (error) {
    // Cut off in its middle.
    throw new Gone(error.name);
  }
}
