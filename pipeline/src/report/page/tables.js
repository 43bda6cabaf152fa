// Tables that sort, filter, and open a row for what is behind it.

/**
 * A table in `host`. `columns`: `name`, `of` (what is sorted by), and as they need it `show` (what is seen), `number`,
 * `style`, `heads` (it names the row), `opens` (the
 * detail), `choose` (a list to filter by), `rank` (to sort by, where that is something else). `sort`: the column sorted at first, downwards. `detail`: what is behind a row.
 * `cut`: which rows the page has and which it leaves out, in words, or "".
 * Gives `only`, which shows the rows that fit; `has`, and `reveal`, which opens the row of a key.
 */
function sortable(host, { caption, columns, rows, sort, detail, keyOf, page = 20, label, cut = "" }) {
  const state = { column: sort, down: true, text: "", chosen: new Map(), only: null, most: page, open: new Set() };
  const texts = new Map(rows.map((row) => [row, columns.map((column) => String(column.of(row) ?? "")).join("\u0001").toLowerCase()]));

  const heading = Math.max(0, columns.findIndex((column) => column.heads));
  const heads = columns.map((column, at) => {
    const arrow = make("span", { class: "arrow", "aria-hidden": "true" });
    const button = make("button", { type: "button", onclick: () => sortBy(at) }, column.name, arrow);
    return make("th", { scope: "col", class: column.number ? "number" : column.style }, button);
  });
  const body = make("tbody");
  const status = make("p", { role: "status" });
  const search = make("input", { type: "search", oninput: () => { state.text = search.value; render(); } });
  const lists = [];
  for (const column of columns.filter((column) => column.choose)) {
    const values = [...new Set(rows.map((row) => column.of(row)))].filter((value) => value !== null);
    values.sort(column.order || ((a, b) => (a < b ? -1 : 1)));
    if (values.length < 2) continue;
    const options = values.map((value) => make("option", { value }, column.words ? column.words(value) : value));
    const list = make("select", { onchange: () => { choose(column, list.value); render(); } }, make("option", { value: "" }, "all"), options);
    lists.push({ column, list });
  }
  const more = make("button", { type: "button", onclick: () => { state.most = Infinity; render(); } });
  const after = make("div", { class: "after" }, more);
  const tools = make("div", { class: "tools" },
    make("label", {}, "Find", search),
    lists.map(({ column, list }) => make("label", {}, column.name, list)), status);
  // Said outside the tools, so that paper says it too.
  const told = make("span");
  const reset = make("button", { type: "button", class: "reset", onclick: () => { clear(); render(); search.focus(); } }, "Show all rows");
  const note = make("div", { class: "note filtered", tabindex: "-1", "aria-live": "polite" }, told, reset);
  const table = make("table", {}, make("caption", {}, [caption, cut].filter(Boolean).join(" ")), make("thead", {}, make("tr", {}, heads)), body);
  const frame = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, table, after);
  host.append(...(rows.length > 8 ? [tools] : []), note, frame);

  function choose(column, value) {
    if (value) state.chosen.set(column, value); else state.chosen.delete(column);
  }

  function clear() {
    search.value = state.text = "";
    state.chosen.clear();
    state.only = null;
    for (const { list } of lists) list.value = "";
  }

  /** What the rows are filtered by, in words. */
  function filters() {
    return [state.only?.label, ...[...state.chosen].map(([column, value]) => column.name.toLowerCase() + " " + (column.words ? column.words(value) : value)),
      state.text.trim() ? "\u201c" + state.text.trim() + "\u201d" : null].filter(Boolean);
  }

  /** Where the page has not all that fits, that is said: nobody shall take what is left for everything. */
  function said(shown) {
    const { only } = state;
    const isAlone = only && !state.chosen.size && !state.text.trim();
    const whole = !isAlone ? cut : only.total > shown.length ? count(shown.length) + " of " + count(only.total) + (shown.length === 1 ? " is" : " are") + " in this page. " + cut : "";
    return ["Only " + filters().join(", ") + ".", whole, whole ? "plumbline query has them all." : ""].filter(Boolean).join(" ");
  }

  function sortBy(at) {
    state.down = state.column === at ? !state.down : Boolean(columns[at].number);
    state.column = at;
    render();
  }

  function found() {
    const wanted = state.text.toLowerCase().split(" ").filter(Boolean);
    const fits = (row) => (!state.only || state.only.fits(row)) && [...state.chosen].every(([column, value]) => column.of(row) === value)
      && wanted.every((word) => texts.get(row).includes(word));
    const of = state.column === undefined ? null : columns[state.column].rank || columns[state.column].of;
    const chosen = rows.filter(fits);
    if (!of) return chosen;
    // Of equals, the first in the order of the page stays first.
    const sign = state.down ? -1 : 1;
    const compare = (a, b) => (a === b ? 0 : a === null ? 1 : b === null ? -1 : a < b ? -sign : sign);
    return chosen.sort((a, b) => compare(of(a), of(b)));
  }

  function opener(row, text) {
    const isOpen = state.open.has(row);
    const toggle = () => {
      if (state.open.has(row)) state.open.delete(row); else state.open.add(row);
      render();
      body.querySelector('[data-key="' + CSS.escape(keyOf(row)) + '"] button')?.focus();
    };
    return make("button", { type: "button", class: "link", "aria-expanded": String(isOpen), onclick: toggle }, text);
  }

  function line(row) {
    const cells = columns.map((column, at) => {
      const seen = column.show ? column.show(row) : String(column.of(row) ?? "–");
      const style = [column.number && "number", column.style].filter(Boolean).join(" ") || null;
      const content = column.opens && detail ? opener(row, seen) : seen;
      return at === heading ? make("th", { scope: "row", class: style }, content) : make("td", { class: style }, content);
    });
    const made = [make("tr", { "data-key": keyOf ? keyOf(row) : null }, cells)];
    if (detail && state.open.has(row)) {
      made.push(make("tr", { class: "more" }, make("td", { colspan: columns.length }, detail(row))));
    }
    return made;
  }

  function render() {
    const shown = found();
    // Those beyond are there for paper, which has no button for more.
    const lines = shown.map(line);
    for (const beyond of lines.slice(state.most).flat()) beyond.classList.add("beyond");
    body.replaceChildren(...lines.flat());
    if (!shown.length) {
      body.append(make("tr", {}, make("td", { colspan: columns.length, class: "none" }, "Nothing fits.")));
    }
    heads.forEach((head, at) => {
      const is = state.column === at;
      if (is) head.setAttribute("aria-sort", state.down ? "descending" : "ascending"); else head.removeAttribute("aria-sort");
      head.querySelector(".arrow").textContent = is ? (state.down ? " ▾" : " ▴") : "";
    });
    const rest = Math.max(0, shown.length - state.most);
    after.hidden = rest === 0;
    more.textContent = "Show " + plural(rest, "more row");
    status.textContent = (shown.length === rows.length ? "" : count(shown.length) + " of ") + plural(rows.length, "row") + (rest ? ", " + count(shown.length - rest) + " shown" : "");
    note.hidden = !filters().length;
    told.textContent = note.hidden ? "" : said(shown);
  }

  render();
  return {
    /** `label`: whose rows these are; `total`: how many there are, in the page or not. */
    only(label, fits, total) {
      clear();
      state.only = { label, fits, total };
      render();
      show(note);
    },
    has: (wanted) => rows.some((row) => keyOf(row) === wanted),
    reveal(wanted) {
      const row = rows.find((row) => keyOf(row) === wanted);
      clear();
      state.open.add(row);
      if (found().indexOf(row) >= state.most) state.most = Infinity;
      render();
      const line = body.querySelector('[data-key="' + CSS.escape(wanted) + '"]');
      line.scrollIntoView({ behavior: quiet() ? "auto" : "smooth", block: "center" });
      line.querySelector("button")?.focus({ preventScroll: true });
    },
  };
}

/** A plain table for the data of a picture. */
function dataTable(name, caption, heads, rows) {
  const cells = (row) => row.map((cell, at) => (at === 0 ? make("th", { scope: "row" }, cell) : make("td", {}, cell)));
  return make("details", { class: "data" }, make("summary", {}, "As a table: " + name),
    make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
      make("table", {}, make("caption", {}, caption),
        make("thead", {}, make("tr", {}, heads.map((head) => make("th", { scope: "col" }, head)))),
        make("tbody", {}, rows.map((row) => make("tr", {}, cells(row)))))));
}

/** A number with a bar, as long as its share of the largest. */
function meter(number, most) {
  const bar = make("i");
  bar.style.width = (most ? (100 * number) / most : 0) + "%";
  return make("div", { class: "meter" }, make("span", { "aria-hidden": "true" }, bar), count(number));
}
