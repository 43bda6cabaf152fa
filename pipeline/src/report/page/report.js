// Puts the data of the page into its parts.

const data = JSON.parse(document.getElementById("data").textContent);
const manyTenants = data.figures.tenants > 1;
const { figures } = data;

const because = (command) => (command ? command.because : null);
const rankOf = (row) => SEVERITIES.indexOf(row.severity);
const byGrade = (a, b) => SEVERITIES.indexOf(b) - SEVERITIES.indexOf(a);
const tenantColumn = manyTenants ? [{ name: "Tenant", of: (row) => row.tenant, choose: true, style: "wide" }] : [];

function header() {
  document.getElementById("title").textContent = data.title;
  const { first, last, is_part: isPart } = data.span;
  document.getElementById("period").replaceChildren(...(last ? [moment(first), " to ", moment(last), " UTC", isPart ? ", a part of the results" : ""] : ["No time: the results are empty"]));
  const buttons = [...document.querySelectorAll("[data-theme]")].filter((button) => button.tagName === "BUTTON");
  for (const button of buttons) {
    button.addEventListener("click", () => {
      if (button.dataset.theme) document.documentElement.dataset.theme = button.dataset.theme;
      else delete document.documentElement.dataset.theme;
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
    });
  }
}

function summary() {
  const host = document.getElementById("summary");
  const of = figures.identities === null ? "" : " of " + count(figures.identities);
  const said = [figures.findings
    ? plural(figures.findings, "finding") + ", " + count(figures.grave) + " of them high or critical, about " + count(figures.found) + of + (figures.found === 1 && !of ? " identity." : " identities.")
    : "Nothing was found" + (figures.events ? " in " + plural(figures.events, "event") + " of " + plural(figures.identities, "identity", "identities") : "") + "."];
  if (figures.enforced) said.push("Plumbline acted on " + plural(figures.acted_on, "identity", "identities") + " with " + plural(figures.enforced, "enforced command") + ".");
  else if (figures.findings) said.push("No command was enforced.");
  if (figures.observed) said.push(plural(figures.observed, "command") + (figures.observed === 1 ? " was" : " were") + " only recorded: decide about " + (figures.observed === 1 ? "it" : "them") + " yourself.");
  if (figures.undone) said.push(plural(figures.undone, "time") + " something was given back.");
  const numbers = [
    ["events read", figures.events], ["identities", figures.identities], ["with a finding", figures.found], ["findings", figures.findings],
    ["high or critical", figures.grave], ["enforced commands", figures.enforced], ["only recorded", figures.observed],
    ...(manyTenants ? [["tenants", figures.tenants]] : []),
  ].filter(([, number]) => number !== null);
  host.append(make("p", { class: "verdict" }, said.join(" ")),
    make("dl", { class: "figures card" }, numbers.map(([name, number]) => make("div", {}, make("dt", {}, name), make("dd", {}, count(number))))));
}

function firsts(lifeOf, findingsOf) {
  const host = part("first");
  const urgent = data.identities.rows.filter((row) => row.command || rankOf(row) >= 3);
  if (!urgent.length) {
    host.append(make("p", { class: "card none" }, data.identities.rows.length ? "Nothing here needs anybody tonight: what was found is in the tables below." : "Nothing."));
    return;
  }
  const card = (row) => {
    const { command } = row;
    const act = row.undone ? "undone" : command ? command.mode : "none";
    const what = command
      ? [make("strong", {}, words(command.action) + (command.mode === "enforce" ? "" : " (only recorded)")), ": " + command.means, make("br"), moment(command.time)]
      : [plural(row.findings, "finding") + ", no command"];
    const gone = row.undone ? [make("br"), "Given back ", moment(row.undone)] : [];
    return make("li", { class: "card", "data-act": act },
      make("h3", {}, row.identity),
      make("div", {}, tag(words(row.kind)), " ", manyTenants ? [tag(row.tenant), " "] : [], tag("risk " + row.risk, true), " ", tag(bits(row.bits) + " bits"), " ", grade(row.severity)),
      make("dl", {}, make("dt", {}, "What"), make("dd", {}, what, gone),
        make("dt", {}, "Why"), make("dd", {}, because(command) || "see its findings"),
        make("dt", {}, "Next"), make("dd", {}, make("ol", {}, row.next.map((step) => make("li", {}, step.text, step.code ? make("code", {}, step.code) : null))))),
      make("div", { class: "actions" },
        row.findings ? make("button", { type: "button", onclick: () => findingsOf(row) }, plural(row.findings, "finding")) : null,
        lifeOf.has(row) ? make("button", { type: "button", onclick: () => lifeOf.open(row) }, "Its life") : null));
  };
  const cards = urgent.slice(0, 6).map(card);
  host.append(make("ol", { class: "firsts" }, cards));
  const rest = data.urgent - cards.length;
  if (rest > 0) {
    host.append(make("p", { class: "soft" }, plural(rest, "identity", "identities") + " more " + (rest === 1 ? "has" : "have") + " a command or a grave finding. ", make("a", { href: "#identities" }, "All of them"), "."));
  }
}

function groups(findingsBy) {
  const host = part("detectors");
  const most = Math.max(0, ...data.detectors.map((row) => row.findings));
  const left = make("div");
  const right = make("div");
  host.append(make("div", { class: "two" }, left, right));
  sortable(left, {
    label: "Detectors", caption: "What was noticed. The name shows its findings.", rows: data.detectors, sort: 1, page: 40,
    columns: [
      { name: "Detector", of: (row) => row.name, style: "name", show: (row) => make("div", {}, make("button", { type: "button", class: "link", onclick: () => findingsBy("detector", row.name, row.findings) }, row.name), make("div", { class: "soft small" }, row.notices)) },
      { name: "Findings", number: true, of: (row) => row.findings, show: (row) => meter(row.findings, most) },
      { name: "Identities", number: true, of: (row) => row.identities },
      { name: "Acted on", number: true, style: "wide", of: (row) => row.acted },
      { name: "Most bits", number: true, of: (row) => row.bits, show: (row) => bits(row.bits) },
    ],
  });
  const most2 = Math.max(0, ...data.kinds.map((row) => row.findings));
  sortable(right, {
    label: "Kinds of identities", caption: "Who it was", rows: data.kinds, sort: 1, page: 40,
    columns: [
      { name: "Kind", of: (row) => row.kind, style: "name", show: (row) => make("button", { type: "button", class: "link", onclick: () => findingsBy("kind", row.kind, row.findings) }, words(row.kind)) },
      { name: "Findings", number: true, of: (row) => row.findings, show: (row) => meter(row.findings, most2) },
      { name: "Identities", number: true, of: (row) => row.found, show: (row) => count(row.found) + (row.known === null ? "" : " of " + count(row.known)) },
      { name: "Enforced", number: true, of: (row) => row.enforced },
    ],
  });
}

function people(lifeOf, findingsOf) {
  sortable(part("identities"), {
    label: "Identities", rows: data.identities.rows, keyOf: key,
    caption: "Everybody with a finding or a command, in the order to look at them.", cut: leftOut(data.identities, "identity", "first ones", "identities"),
    columns: [
      { name: "Identity", of: (row) => row.identity, style: "name", show: (row) => (lifeOf.has(row) || row.findings
        ? make("button", { type: "button", class: "link", onclick: () => (lifeOf.has(row) ? lifeOf.open(row) : findingsOf(row)) }, row.identity) : row.identity) },
      ...tenantColumn,
      { name: "Kind", of: (row) => row.kind, show: (row) => words(row.kind), choose: true, words, style: "tight" },
      { name: "Strongest command", of: (row) => row.command && words(row.command.action), rank: (row) => -data.identities.rows.indexOf(row), choose: true,
        show: (row) => (row.command ? words(row.command.action) + (row.command.mode === "enforce" ? "" : " (only recorded)") + (row.undone ? ", undone" : "") : "none") },
      { name: "Risk", number: true, of: (row) => row.risk },
      { name: "Gravest", of: (row) => row.severity, rank: rankOf, show: (row) => grade(row.severity), choose: true, order: byGrade },
      { name: "Findings", number: true, of: (row) => row.findings, show: (row) => (row.findings
        ? make("button", { type: "button", class: "link", "aria-label": plural(row.findings, "finding") + " of " + row.identity, onclick: () => findingsOf(row) }, count(row.findings)) : "0") },
      { name: "Most bits", number: true, of: (row) => row.bits, show: (row) => bits(row.bits) },
      { name: "Last", of: (row) => row.last, style: "wide", show: (row) => moment(row.last) },
    ],
  });
}

function explanation(row) {
  const pairs = [["Identity", row.identity + ", " + words(row.kind) + ", of tenant " + row.tenant], ["Session", row.session], ["Surprise", row.surprise],
    ["Risk then", row.risk + " of 100"], ["Technique", row.technique.length ? row.technique.join(", ") + " (MITRE)" : null],
    ["Events", row.events.length ? row.events.join(" ") + (row.more_events ? " and " + plural(row.more_events, "more", "more") : "") : "none: time passed"], ["Finding", row.id]];
  const told = pairs.filter(([, value]) => value).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]);
  const seen = row.evidence.flatMap(([depth, name, value]) => [
    make("dt", { "data-depth": Math.min(depth, 3), class: value ? null : "head" }, name || "–"), make("dd", {}, value)]);
  const led = data.commands.rows.filter((command) => command.findings.includes(row.id));
  return make("div", { class: "why" },
    make("p", { class: "all silent" }, row.silent_if ? "It would have been silent if " + row.silent_if + "." : "What would have made it silent is not stated."),
    make("div", {}, make("h3", {}, "Observed, against what is usual"), seen.length ? make("dl", {}, seen) : make("p", { class: "soft" }, "Nothing beside what stands above.")),
    make("div", {}, make("h3", {}, "What it is about"), make("dl", {}, told),
      row.arithmetic.length ? [make("h3", {}, "Arithmetic"), make("ul", {}, row.arithmetic.map((step) => make("li", {}, step)))] : [],
      make("h3", {}, "What it led to"),
      led.length ? make("ul", {}, led.map((command) => make("li", {}, words(command.action) + " (" + command.mode + ") ", moment(command.time), ", ", make("code", {}, command.id))))
        : make("p", { class: "soft" }, "No command that is in this page."),
      make("p", {}, make("code", {}, "plumbline explain " + row.id + " --data DIR"))));
}

function findings() {
  return sortable(part("findings"), {
    label: "Findings", rows: data.findings.rows, keyOf: (row) => row.id, sort: 0, detail: explanation,
    caption: "The most surprising first. What was seen opens the explanation.", cut: leftOut(data.findings, "finding", "with the most bits"),
    columns: [
      { name: "Bits", number: true, of: (row) => row.bits, show: (row) => bits(row.bits) },
      { name: "When", of: (row) => row.time, show: (row) => moment(row.time) },
      { name: "Who", of: (row) => row.identity, style: "name" },
      ...tenantColumn,
      { name: "Kind", of: (row) => row.kind, show: (row) => words(row.kind), choose: true, words, style: "wide tight" },
      { name: "What was seen", of: (row) => row.summary, style: "words", opens: true, heads: true },
      { name: "Detector", of: (row) => row.detector, choose: true, style: "wide" },
      { name: "Severity", of: (row) => row.severity, rank: rankOf, show: (row) => grade(row.severity), choose: true, order: byGrade },
      { name: "Risk", number: true, of: (row) => row.risk },
    ],
  });
}

function commands() {
  sortable(part("commands"), {
    label: "Commands", rows: data.commands.rows, keyOf: (row) => row.id,
    caption: "What bots were told, the strongest first.", cut: leftOut(data.commands, "command", "strongest"),
    columns: [
      { name: "Action", of: (row) => words(row.action), choose: true, style: "tight" },
      { name: "Mode", of: (row) => row.mode, choose: true },
      { name: "When", of: (row) => row.time, show: (row) => moment(row.time) },
      { name: "Who", of: (row) => row.identity, style: "name" },
      ...tenantColumn,
      { name: "Why", of: (row) => row.because + " " + row.id, style: "words", show: (row) => [row.because + " ", make("code", { class: "soft" }, row.id)] },
      { name: "Risk", number: true, of: (row) => row.risk },
      { name: "Expires", of: (row) => row.expires, style: "wide", show: (row) => moment(row.expires) },
    ],
  });
}

/** On paper nothing can be opened: the first lives and the tables of pictures are open there. */
function unfoldOnPaper(lifeOf) {
  let opened = [];
  const unfold = (folded) => {
    if (folded.open) return;
    folded.open = true;
    opened.push(folded);
  };
  window.addEventListener("beforeprint", () => {
    opened = [];
    for (const { folded, open } of lifeOf.first) { unfold(folded); open(); }
    document.querySelectorAll("details.data").forEach(unfold);
  });
  window.addEventListener("afterprint", () => { for (const folded of opened) folded.open = false; });
}

textures();
header();
summary();
const lifeOf = lives(part("lives"), data.timelines, manyTenants);
const found = findings();
const findingsBy = (part, value, total) => found.only(part + " " + value, (row) => row[part] === value, total);
const findingsOf = (who) => found.only(manyTenants ? who.identity + " of tenant " + who.tenant : who.identity, (row) => key(row) === key(who), who.findings);
firsts(lifeOf, findingsOf);
if (figures.findings || figures.enforced) timeChart(part("time"), data.series);
else part("time").append(make("p", { class: "card none" }, "None."));
worldMap(part("map"), data.world, data.travels, found);
groups(findingsBy);
people(lifeOf, findingsOf);
commands();
unfoldOnPaper(lifeOf);
