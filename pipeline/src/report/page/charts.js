// Pictures: findings over time, and the map. Each has words for who cannot see it, and its data as a table.

/** Draws again whenever its place becomes wider or narrower. */
function responsive(host, picture) {
  let last = 0;
  const redraw = () => {
    const width = Math.round(host.clientWidth);
    if (width > 0 && width !== last) {
      last = width;
      host.replaceChildren(picture(width));
    }
  };
  new ResizeObserver(redraw).observe(host);
  redraw();
}

/** What each severity looks like without its colour. */
function textures() {
  const line = (d) => draw("path", { d, class: "texture" });
  const marks = {
    low: draw("circle", { cx: 3, cy: 3, r: 0.9, class: "texture" }),
    medium: line("M0 3H6"),
    high: line("M-1 7L7 -1M-1 1L1 -1M5 7L7 5"),
  };
  const patterns = SEVERITIES.map((severity) => draw("pattern", { id: "p-" + severity, width: 6, height: 6, patternUnits: "userSpaceOnUse" },
    draw("rect", { width: 6, height: 6, class: "s-" + severity, opacity: severity === "info" ? 0.55 : 1 }), marks[severity]));
  const holder = draw("svg", { width: 0, height: 0, "aria-hidden": "true", focusable: "false" }, draw("defs", {}, patterns));
  holder.style.position = "absolute";
  document.body.append(holder);
}

const fill = (severity) => "url(#p-" + severity + ")";

function niceTop(most) {
  const step = 10 ** Math.floor(Math.log10(Math.max(most, 1)));
  return [1, 2, 4, 6, 8, 10].map((times) => times * step).find((top) => top >= most);
}

/** `17 Mar`, or with the hour: how a bucket is named. */
function bucketName(start, step) {
  return step < 86400000 ? day(start) + " " + clock(start) : step > 86400000 ? "week of " + day(start) : day(start);
}

function timeChart(host, series) {
  const totals = series.findings.map((by) => by.reduce((sum, n) => sum + n, 0));
  const starts = totals.map((_, at) => series.start + at * series.step);
  const top = niceTop(Math.max(1, ...totals));
  const peak = totals.indexOf(Math.max(...totals));
  const kind = series.step < 86400000 ? "hour" : series.step > 604800000 ? "period" : series.step > 86400000 ? "week" : "day";

  const picture = (width) => {
    const [left, right, height, above] = [40, 8, 230, 26];
    const floor = height - 26;
    const across = (width - left - right) / totals.length;
    const y = (n) => floor - ((floor - above) * n) / top;
    const shapes = [];
    for (const share of [0, 0.5, 1]) {
      const n = top * share;
      if (!Number.isInteger(n)) continue;
      shapes.push(draw("line", { x1: left, x2: width - right, y1: y(n), y2: y(n), class: "grid" }),
        draw("text", { x: left - 6, y: y(n) + 4, "text-anchor": "end" }, count(n)));
    }
    const every = Math.max(1, Math.ceil(totals.length / Math.max(2, Math.floor(width / 92))));
    totals.forEach((total, at) => {
      const x = left + at * across;
      const wide = Math.max(1, Math.min(across - 2, 46));
      const offset = (across - wide) / 2;
      let base = 0;
      const stack = SEVERITIES.map((severity, grade) => {
        const n = series.findings[at][grade];
        const bar = n ? draw("rect", { x: x + offset, y: y(base + n), width: wide, height: y(base) - y(base + n), fill: fill(severity) }) : null;
        base += n;
        return bar;
      });
      const acted = series.enforced[at];
      const flag = acted ? [draw("path", { d: "M" + (x + across / 2 - 5) + " " + (y(total) - 14) + "h10l-5 8z", class: "enforced" }),
        across > 24 ? draw("text", { x: x + across / 2 + 8, y: y(total) - 6, class: "ink" }, count(acted)) : null] : [];
      const said = bucketName(starts[at], series.step) + ": " + plural(total, "finding") + ", " + plural(acted, "enforced command");
      shapes.push(draw("g", {}, draw("title", {}, said), draw("rect", { x, y: above - 20, width: across, height: floor - above + 20, fill: "transparent" }), stack, flag));
      if (at % every === 0) {
        shapes.push(draw("text", { x: x + across / 2, y: height - 8, "text-anchor": "middle" }, series.step < 86400000 && totals.length <= 24 ? clock(starts[at]) : day(starts[at])));
      }
    });
    const said = "Bars: findings by " + kind + " and severity. The most, " + count(totals[peak]) + ", in " + bucketName(starts[peak], series.step) + ".";
    return draw("svg", { viewBox: "0 0 " + width + " " + height, role: "img", "aria-label": said }, shapes, draw("line", { x1: left, x2: width - right, y1: floor, y2: floor, class: "axis" }));
  };
  const stage = make("div");
  const keys = make("ul", { class: "keys" },
    SEVERITIES.map((severity) => make("li", {}, draw("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, draw("rect", { width: 16, height: 16, rx: 3, fill: fill(severity) })), severity)),
    make("li", {}, draw("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, draw("path", { d: "M2 3h12l-6 10z", class: "enforced" })), "enforced commands"));
  const rows = totals.map((total, at) => [bucketName(starts[at], series.step), ...series.findings[at].map(count), count(series.enforced[at])]).filter((_, at) => totals[at] || series.enforced[at]);
  host.append(make("figure", { class: "card" }, stage, keys,
    make("figcaption", {}, "Findings by " + kind + ", the gravest on top; a marker over a bar counts the commands that were enforced."),
    dataTable("findings by " + kind, "Findings by " + kind + " and severity; where there was none the line is left out", [kind[0].toUpperCase() + kind.slice(1), ...SEVERITIES, "enforced commands"], rows)));
  responsive(stage, picture);
}

/** The ways between places, over the world. */
function worldMap(host, world, travels, findings) {
  if (!travels.findings.rows.length) {
    host.append(make("p", { class: "card none" }, "None in this time: nobody was in two places too far apart for the time between."));
    return;
  }
  const strongest = Math.max(...travels.ways.map((way) => way.bits));
  const wayName = (way) => travels.places[way.from].name + " → " + travels.places[way.to].name;
  const picture = (width) => {
    // On a narrow screen the signs have to be larger to be seen.
    const scale = Math.max(1, 900 / width);
    const boxes = [];
    const free = (box) => boxes.every((other) => box.x + box.w < other.x || other.x + other.w < box.x || box.y + box.h < other.y || other.y + other.h < box.y);
    const ends = new Set(travels.ways.map((way) => way.to));
    const labels = travels.places.map((place, at) => {
      const size = 12.5 * scale;
      const [w, h] = [place.name.length * size * 0.56, size * 1.15];
      const around = [[6 * scale, size * 0.35], [-w - 6 * scale, size * 0.35], [-w / 2, -8 * scale], [-w / 2, size + 6 * scale]];
      for (const [dx, dy] of around) {
        const box = { x: place.x + dx, y: place.y + dy - h * 0.8, w, h };
        if (box.x < 0 || box.x + w > world.width || box.y < 0 || box.y + h > world.height || !free(box)) continue;
        boxes.push(box);
        const text = draw("text", { x: place.x + dx, y: place.y + dy, class: ends.has(at) ? "ink halo" : "halo" }, place.name);
        text.style.fontSize = size + "px";
        return text;
      }
      return null;
    });
    const ways = travels.ways.map((way) => draw("path", {
      d: way.path, class: way.decided ? "way" : "way fair", "stroke-width": (1 + (2.4 * way.bits) / strongest) * Math.sqrt(scale), opacity: 0.85,
    }, draw("title", {}, wayName(way) + ": " + bits(way.bits) + " bits, at least " + count(way.kmh) + " km/h" + (way.travels > 1 ? ", " + count(way.travels) + " times" : ""))));
    const dots = travels.places.map((place, at) => draw("g", {}, draw("title", {}, place.name),
      ends.has(at) ? draw("path", { d: "M" + place.x + " " + (place.y - 5 * scale) + "l" + 5 * scale + " " + 5 * scale + "l" + -5 * scale + " " + 5 * scale + "l" + -5 * scale + " " + -5 * scale + "z", class: "place goal" })
        : draw("circle", { cx: place.x, cy: place.y, r: 3.6 * scale, class: "place" })));
    const said = "Map of the world with " + plural(travels.ways.length, "way") + " that were too fast. The oddest: " + wayName(travels.ways[0]) + ", at least " + count(travels.ways[0].kmh) + " kilometres an hour.";
    return draw("svg", { viewBox: "0 0 " + world.width + " " + world.height, role: "img", "aria-label": said },
      draw("path", { d: world.edge, class: "sea" }), draw("path", { d: world.land, class: "land" }), ways, dots, labels);
  };
  const stage = make("div");
  host.append(make("figure", { class: "card" }, stage,
    make("ul", { class: "keys" },
      make("li", {}, draw("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, draw("circle", { cx: 8, cy: 8, r: 5, class: "place" })), "where it began"),
      make("li", {}, draw("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, draw("path", { d: "M8 2l6 6l-6 6l-6-6z", class: "place goal" })), "where it went"),
      make("li", {}, draw("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, draw("path", { d: "M0 8H16", class: "way", "stroke-width": 3 })), "the thicker, the odder"),
      make("li", {}, draw("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, draw("path", { d: "M0 8H16", class: "way fair", "stroke-width": 2.5 })), "broken: no command stands on it"))));
  responsive(stage, picture);
  const table = make("div");
  table.style.marginTop = "0.8rem";
  host.append(table);
  sortable(table, {
    label: "Impossible travels", keyOf: (row) => row.id, rows: travels.findings.rows, page: 8,
    caption: "Two places too far apart for the time between, the oddest first.", cut: leftOut(travels.findings, "travel", "oddest"),
    columns: [
      { name: "Who", of: (row) => row.identity, style: "name", show: (row) => (findings.has(row.id) ? make("button", { type: "button", class: "link", onclick: () => findings.reveal(row.id) }, row.identity) : row.identity) },
      { name: "When", of: (row) => row.time, show: (row) => moment(row.time) },
      { name: "From", of: (row) => row.from }, { name: "To", of: (row) => row.to },
      { name: "Distance", number: true, of: (row) => row.km, show: (row) => count(row.km) + " km" },
      { name: "Apart", number: true, style: "wide", of: (row) => row.minutes, show: (row) => (row.minutes < 120 ? row.minutes + " min" : (row.minutes / 60).toFixed(1) + " h") },
      { name: "At least", number: true, of: (row) => row.kmh, show: (row) => count(row.kmh) + " km/h" },
      { name: "Bits", number: true, of: (row) => row.bits, show: (row) => bits(row.bits) },
    ],
  });
}
