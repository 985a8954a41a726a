// Starting, stopping and restarting: asked for by buttons, told in the region #said.

import { by, h, put } from "./dom.js";
import { PREFIX } from "./live.js";

const KEY = "ecap-token";
const DONE = {
  stop: ["stopped", "failed"],
  start: ["running", "degraded", "failed", "backing-off", "pending", "stalled"],
};
DONE.restart = DONE.start;

/** What was asked for and is not done yet, by consumer. */
const asked = new Map();
let forget;

/** Says what happened, where it is seen and heard. */
export function say(text, isBad = false) {
  const region = by("said");
  region.replaceChildren(h("p", { className: isBad ? "bad" : "" }, text));
  clearTimeout(forget);
  forget = setTimeout(() => region.replaceChildren(), isBad ? 20_000 : 8000);
}

/** The buttons of a consumer. The first one's job changes, so that it keeps the focus. */
export function buttons(name) {
  const button = (job, label) => {
    const element = h("button", { type: "button" }, h("span", {}, label), h("span", { className: "unseen" }, ` ${name}`));
    element.dataset.job = job;
    element.dataset.consumer = name;
    return element;
  };
  return [button("stop", "Stop"), button("restart", "Restart")];
}

/** Sets the first button to what can be done. */
export function setButton(button, status) {
  const isOff = ["stopped", "stopping", "failed"].includes(status);
  button.dataset.job = isOff ? "start" : "stop";
  put(button.firstChild, isOff ? "Start" : "Stop");
}

/** Does what the buttons inside an element say. */
export function listen(element) {
  element.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-job]");
    if (!button || button.getAttribute("aria-disabled")) return;
    button.setAttribute("aria-disabled", "true");
    act(button.dataset.consumer, button.dataset.job).finally(() => button.removeAttribute("aria-disabled"));
  });
}

async function act(name, job) {
  let why = "";
  for (;;) {
    const answer = await post(name, job);
    if (answer.status === 401) {
      const isKept = sessionStorage.getItem(KEY) !== null;
      if (why) why = `It was not right: ${answer.error}.`;
      else why = isKept ? "The one that this tab kept is not right any more." : "Here only who has it starts and stops consumers.";
      if (await token(why)) continue;
      return say(`${name}: nothing was done, as there is no token`);
    }
    if (answer.error) return say(`${name}: ${answer.error}`, true);
    asked.set(name, { job, looks: 0 });
    return say(`${name} is ${answer.said}`);
  }
}

async function post(name, job) {
  const token = sessionStorage.getItem(KEY);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  try {
    const answer = await fetch(`${PREFIX}/consumers/${encodeURIComponent(name)}/${job}`, { method: "POST", headers });
    const body = await answer.json().catch(() => ({}));
    const error = answer.ok ? undefined : body.error ?? `the server answered ${answer.status}`;
    return { status: answer.status, said: body.status, error };
  } catch {
    return { error: "the server does not answer: nothing was done" };
  }
}

/** Asks for the token, and keeps it for this tab; whether there is one. */
function token(why) {
  const [dialog, input] = [by("token"), by("token-input")];
  put(by("token-why"), why);
  input.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const given = dialog.returnValue === "go" ? input.value.trim() : "";
      if (given) sessionStorage.setItem(KEY, given);
      input.value = "";
      resolve(given !== "");
    }, { once: true });
  });
}

/** Tells when what was asked for is done. */
export function look(consumers) {
  for (const [name, wish] of asked) {
    const status = consumers.get(name)?.status;
    // The first look may be older than the answer.
    if (wish.looks++ > 0 && (!status || DONE[wish.job].includes(status))) {
      asked.delete(name);
      say(`${name} is ${status ?? "not registered any more"}`, status === "failed");
    }
  }
}
