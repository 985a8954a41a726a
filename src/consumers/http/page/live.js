// What the server says by itself, once a second.

export const PREFIX = "/api/v1/streaming";

/** Without a word for so long the connection counts as lost, in milliseconds. */
const SILENCE = 10_000;

/** Gives each status document to `told`, and to `line` whether the connection stands. Goes on for ever. */
export function follow(told, line) {
  let source, heard;
  const open = () => {
    source?.close();
    heard = Date.now();
    source = new EventSource(`${PREFIX}/events`);
    source.addEventListener("status", (event) => {
      heard = Date.now();
      line(true);
      told(JSON.parse(event.data));
    });
    source.addEventListener("error", () => line(false));
  };
  // The browser tries again by itself after a network error, but not after another answer (503: too many connections),
  // and it does not notice a server that is only silent.
  setInterval(() => {
    if (source.readyState !== EventSource.CLOSED && Date.now() - heard < SILENCE) return;
    line(false);
    open();
  }, 2000);
  open();
}

/** Asks for a document of a consumer; nothing where there is no answer, or none of use. */
export async function ask(name, below = "", signal = undefined) {
  try {
    const answer = await fetch(`${PREFIX}/consumers/${encodeURIComponent(name)}${below}`, { signal });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}
