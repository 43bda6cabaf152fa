// The life of an identity: findings and commands over places and endpoints, on the axis of the whole report.

/** The time of what was found and decided, where that is only a small part of the whole. */
function closer(life, axis, span) {
  const times = [...life.findings.rows, ...life.commands.rows].map((mark) => mark.time);
  const [first, last] = [Math.min(...times), Math.max(...times)];
  if (!times.length || last - first > span / 5) return null;
  const room = Math.max((last - first) * 0.15, 5 * 60000);
  return { from: first - room, to: last + room };
}

function lifePicture(life, axis) {
  return (width) => {
    const left = Math.max(96, Math.min(210, Math.round(width * 0.24)));
    const right = 12;
    const span = axis.step * axis.buckets;
    const x = (time) => left + ((width - left - right) * (time - axis.start)) / span;
    const cell = (width - left - right) / axis.buckets;
    const shapes = [];
    const fits = Math.floor(left / 6.6);
    const short = (text) => (text.length > fits ? text.slice(0, fits - 1) + "…" : text);
    const label = (text, y, strong) => shapes.push(draw("text", { x: 0, y, class: strong ? "ink" : null }, draw("title", {}, text), short(text)));

    const [high, low] = [34, 116];
    const risk = (value) => low - ((low - high) * value) / 100;
    const close = closer(life, axis, span);
    const at = close ? (time) => left + ((width - left - right) * (time - close.from)) / (close.to - close.from) : x;
    label("Risk after a finding", high + 4, true);
    if (close) label("a closer look", high + 20);
    for (const value of [0, 50, 100]) {
      shapes.push(draw("line", { x1: left, x2: width - right, y1: risk(value), y2: risk(value), class: "grid" }),
        draw("text", { x: left - 6, y: risk(value) + 4, "text-anchor": "end" }, String(value)));
    }
    const ticks = Math.max(2, Math.floor((width - left) / 120));
    const times = (from, to, place, y) => {
      for (let tick = 0; tick <= ticks; tick++) {
        const time = from + ((to - from) * tick) / ticks;
        const anchor = tick === 0 ? "start" : tick === ticks ? "end" : "middle";
        shapes.push(draw("text", { x: place(time), y, "text-anchor": anchor }, day(time) + ((to - from) / ticks < 86400000 ? " " + clock(time) : "")));
      }
    };
    if (close) {
      times(close.from, close.to, at, low + 16);
      // From the closer look to where it is in the whole.
      shapes.push(draw("path", { d: "M" + left + " " + (low + 22) + "H" + (width - right) + "L" + Math.max(x(close.to), x(close.from) + 2) + " " + (low + 44) + "H" + x(close.from) + "z", class: "zoom" }));
    }
    let y = low + (close ? 50 : 26);
    const below = y - 6;
    const lanes = (title, lanes, what) => {
      if (!lanes.rows.length) return;
      label(title, y, true);
      y += 8;
      for (const lane of lanes.rows) {
        const most = Math.max(...lane.seen.map(([, n]) => n));
        const fresh = lane.first - axis.start > span / 4;
        shapes.push(draw("line", { x1: left, x2: width - right, y1: y + 8, y2: y + 8, class: "grid" }));
        label((fresh ? "✦ " : "") + lane.name, y + 12);
        for (const [bucket, n] of lane.seen) {
          const height = 5 + 8 * (Math.log1p(n) / Math.log1p(most));
          shapes.push(draw("rect", { x: left + bucket * cell, y: y + 8 - height / 2, width: Math.max(cell - 0.6, 2), height, rx: 1, class: fresh ? "cell fresh" : "cell" },
            draw("title", {}, lane.name + ", " + day(axis.start + bucket * axis.step) + " " + clock(axis.start + bucket * axis.step) + ": " + plural(n, "event"))));
        }
        y += 18;
      }
      if (lanes.left_out) { label("and " + plural(lanes.left_out, what) + " more", y + 10); y += 16; }
      y += 14;
    };
    lanes("Places", life.places, "place");
    lanes("Endpoints", life.endpoints, "endpoint");
    const bottom = y;

    if (close) shapes.unshift(draw("rect", { x: x(close.from), y: below, width: Math.max(x(close.to) - x(close.from), 2), height: bottom - below, class: "zoom" }));

    for (const mark of life.commands.rows) {
      const over = at(mark.time);
      const isLift = ["resume", "restore"].includes(mark.name);
      const sort = mark.weight !== "enforce" ? "observed" : isLift ? "back" : "enforced";
      shapes.push(draw("g", {}, draw("title", {}, mark.name + " (" + mark.weight + ") " + iso(mark.time) + ": " + mark.text),
        draw("line", { x1: over, x2: over, y1: 20, y2: low, class: "axis", "stroke-dasharray": "2 3" }),
        draw("path", { d: isLift ? "M" + (over - 6) + " 20h12l-6-11z" : "M" + (over - 6) + " 9h12l-6 11z", class: sort })));
    }
    for (const mark of life.findings.rows) {
      const [over, up] = [at(mark.time), risk(mark.risk)];
      const shape = { critical: "M" + over + " " + (up - 6) + "l6 11h-12z", high: "M" + over + " " + (up - 6) + "l6 6l-6 6l-6-6z" }[mark.weight];
      shapes.push(draw("g", { class: "s-" + mark.weight }, draw("title", {}, mark.name + " (" + mark.weight + ", " + bits(mark.bits) + " bits) " + iso(mark.time) + ": " + mark.text),
        draw("line", { x1: over, x2: over, y1: low, y2: up, stroke: "currentColor", "stroke-width": 1.5 }),
        shape ? draw("path", { d: shape, stroke: "none" }) : draw("circle", { cx: over, cy: up, r: 4.5 })));
    }
    times(axis.start, axis.start + span, x, bottom + 14);
    const said = life.identity + ": " + plural(life.findings.rows.length, "finding") + " and " + plural(life.commands.rows.length, "command") + " over time, above "
      + plural(life.places.rows.length, "place") + " and " + plural(life.endpoints.rows.length, "endpoint") + ".";
    return draw("svg", { viewBox: "0 0 " + width + " " + (bottom + 20), role: "img", "aria-label": said },
      shapes, draw("line", { x1: left, x2: width - right, y1: bottom, y2: bottom, class: "axis" }));
  };
}

function lifeTables(life) {
  const marks = [...life.findings.rows.map((mark) => [mark.time, [moment(mark.time), "finding", mark.name, mark.weight, String(mark.risk), mark.text]]),
    ...life.commands.rows.map((mark) => [mark.time, [moment(mark.time), "command", mark.name, mark.weight, String(mark.risk), mark.text]])];
  marks.sort((a, b) => a[0] - b[0]);
  const lanes = [...life.places.rows.map((lane) => ["place", lane]), ...life.endpoints.rows.map((lane) => ["endpoint", lane])];
  return [
    dataTable("found and decided", "What was found and decided about " + life.identity, ["When", "What", "Which", "Severity or mode", "Risk", "In words"], marks.map(([, cells]) => cells)),
    lanes.length ? dataTable("places and endpoints", "Where " + life.identity + " was and what it called", ["Value", "What", "Events", "First seen in this time"],
      lanes.map(([what, lane]) => [lane.name, what, count(lane.total), moment(lane.first)])) : null,
  ];
}

/** The lives, closed; gives what opens that of a key. */
function lives(host, timelines, many) {
  const made = new Map();
  const cut = (marks, what) => (marks.left_out ? " " + plural(marks.left_out, what) + " more with fewer bits or less strength." : "");
  for (const life of timelines.lives) {
    const stage = make("div");
    const folded = make("details", { class: "life" },
      make("summary", {}, make("strong", {}, life.identity), make("span", { class: "soft" }, [words(life.kind), many ? life.tenant : null,
        plural(life.findings.rows.length + life.findings.left_out, "finding"), plural(life.commands.rows.length + life.commands.left_out, "command")].filter(Boolean).join(" · "))));
    let isDrawn = false;
    const open = () => {
      if (isDrawn) return;
      isDrawn = true;
      folded.append(make("figure", {}, stage,
        make("figcaption", {}, "Stems: findings, as high as the risk after them (▲ critical, ◆ high, ● less). On top, commands: ▼ enforced, ▲ something given back, ▽ △ only recorded. ✦ first seen after a quarter of this time. The four most used and the four newest values have a line."
          + cut(life.findings, "finding") + cut(life.commands, "command")), lifeTables(life)));
      responsive(stage, lifePicture(life, timelines));
    };
    folded.addEventListener("toggle", () => { if (folded.open) open(); });
    made.set(key(life), { folded, open });
    host.append(folded);
  }
  if (!timelines.lives.length) host.append(make("p", { class: "card none" }, "Nobody stood out."));
  if (!timelines.has_events) {
    host.append(make("p", { class: "note" }, "The log itself is not among the results, so places and endpoints are not shown; plumbline replay --parquet keeps it."));
  }
  made.values().next().value?.folded.setAttribute("open", "");
  return {
    first: [...made.values()].slice(0, 6),
    has: (who) => made.has(key(who)),
    open(who) {
      const life = made.get(key(who));
      life.folded.open = true;
      life.open();
      show(life.folded.querySelector("summary"));
    },
  };
}
