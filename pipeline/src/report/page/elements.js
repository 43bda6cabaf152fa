// Elements are made here and nowhere else: text becomes a text node, whatever stands in it.

const SVG = "http://www.w3.org/2000/svg";
const SEVERITIES = ["info", "low", "medium", "high", "critical"];

function dressed(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined) element.append(child);
  }
  return element;
}

const make = (name, attributes, ...children) => dressed(document.createElement(name), attributes, children);
const draw = (name, attributes, ...children) => dressed(document.createElementNS(SVG, name), attributes, children);

/** The body of a part of the page. */
const part = (id) => document.querySelector("#" + id + " .body");

/** `53 900`: thousands apart, as long figures are read. */
const count = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f");
const plural = (number, one, many) => count(number) + " " + (number === 1 ? one : many || one + "s");
const bits = (number) => number.toFixed(1);

const iso = (ms) => new Date(ms).toISOString();
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const day = (ms) => new Date(ms).getUTCDate() + " " + MONTHS[new Date(ms).getUTCMonth()];
const clock = (ms) => iso(ms).slice(11, 16);
const moment = (ms) => make("time", { datetime: iso(ms) }, iso(ms).slice(0, 10) + " " + iso(ms).slice(11, 19));

const grade = (severity) => (severity ? make("span", { class: "grade", "data-is": severity }, severity) : "–");
const tag = (text, strong) => make("span", { class: strong ? "tag strong" : "tag" }, text);

/** `ai_agent`: words of the log for people. */
const words = (text) => text.replaceAll("_", " ");

/** Whose row it is; the tenant is said where there are several. */
const key = (who) => JSON.stringify([who.tenant, who.identity]);

const leftOut = (cut, what, most, whats) =>
  cut.left_out ? "The " + count(cut.rows.length) + " " + most + "; " + plural(cut.left_out, what, whats) + " more " + (cut.left_out === 1 ? "is" : "are") + " not in this page." : "";

const quiet = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

function show(element) {
  element.scrollIntoView({ behavior: quiet() ? "auto" : "smooth", block: "start" });
  element.focus({ preventScroll: true });
}
