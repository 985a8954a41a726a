// The live page: what the server says once a second goes to what is looked at, the list or one consumer.

import { look } from "./asking.js";
import * as details from "./details.js";
import { by, put } from "./dom.js";
import * as list from "./list.js";
import { follow } from "./live.js";
import { measure, sum } from "./measures.js";
import { Track } from "./track.js";

const VIEWS = ["none", "all", "unknown", "one"];
const tracks = new Map();
const total = new Track();
/** The newest status document, its consumers by name, and their numbers by name. */
let status;
let consumers = new Map();
let values = new Map();
let sums;
/** The consumer that is looked at; null: all of them; undefined: nothing yet. */
let seen;

/** The consumer that the address names. */
function wanted() {
  try {
    return decodeURIComponent(location.hash.slice(1)) || null;
  } catch {
    return null;
  }
}

function told(document) {
  status = document;
  consumers = new Map(Object.entries(status.consumer_details));
  values = new Map();
  let now = 0;
  for (const [name, details] of consumers) {
    const at = Date.parse(details.last_check);
    now = at / 1000;
    values.set(name, measure(details.metrics, at));
    if (!tracks.has(name)) tracks.set(name, new Track());
    tracks.get(name).add(now, values.get(name));
  }
  for (const name of tracks.keys()) if (!consumers.has(name)) tracks.delete(name);
  sums = sum([...values.values()]);
  total.add(now, sums);
  look(consumers);
  draw();
}

/** Draws what is looked at. */
function draw() {
  if (!status || document.hidden) return;
  overall();
  const name = wanted();
  const view = name === null ? (consumers.size === 0 ? "none" : "all") : consumers.has(name) ? "one" : "unknown";
  for (const id of VIEWS) by(id).hidden = id !== view;
  put(by("unknown-title"), view === "unknown" ? `There is no consumer ‘${name}’` : "");
  if (view === "all") list.show(status, consumers, values, sums, tracks, total);
  go(view === "one" ? name : null, view);
  if (view === "one") details.show(consumers.get(name), values.get(name), tracks.get(name));
}

function overall() {
  const { healthy_consumers: healthy, total_consumers: all, overall_status: state } = status;
  put(by("overall"), all === 0 ? "no consumers" : `${state}, ${healthy} of ${all}`);
  by("overall").dataset.state = all === 0 ? "stopped" : state;
  document.title = healthy < all ? `(${all - healthy}) ecap` : "ecap";
}

/** Follows the address, and takes the focus along where somebody went from one view to another. */
function go(name, view) {
  if (name === seen) return;
  const [before, isFirst] = [seen, seen === undefined];
  seen = name;
  if (name === null) details.leave();
  else details.enter(name, tracks.get(name));
  if (isFirst) return;
  scrollTo(0, 0);
  const target = view === "one" ? by("name") : list.link(before) ?? by("all-title");
  target.focus({ preventScroll: view === "one" });
}

function line(stands) {
  if (!stands && by("line").dataset.state !== "lost") for (const track of [total, ...tracks.values()]) track.pause();
  put(by("line"), stands ? "Live" : "Connection lost, trying again…");
  by("line").dataset.state = stands ? "live" : "lost";
  document.body.classList.toggle("old", !stands);
}

list.prepare();
details.prepare();
put(by("zone"), `Times are of ${Intl.DateTimeFormat().resolvedOptions().timeZone}. Charts keep the last ten minutes.`);
addEventListener("hashchange", draw);
document.addEventListener("visibilitychange", draw);
follow(told, line);
