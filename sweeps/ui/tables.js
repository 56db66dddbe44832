"use strict";
// The tables: all points, shares of parameters. Text only ever becomes text.
const Tables = (() => {
  const PAGE = 20;
  const ORDER = ["front", "dominated", "infeasible", "partial"];

  function make(name, text, attributes = {}) {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  }

  function row(cells) {
    const made = make("tr");
    made.append(...cells);
    return made;
  }

  const head = (text) => make("th", text, { scope: "col" });

  function valueCell(point, metric, digits = Charts.DIGITS) {
    const cell = make("td", Charts.shown(point.values[metric], digits));
    const range = point.intervals[metric];
    if (range) cell.append(" ", make("small", `[${range.map((end) => Charts.shown(end)).join(", ")}]`));
    return cell;
  }

  // What a point is, and the gates that it misses.
  function kindCell(point) {
    const kind = Words.say(point.kind === "front" ? "onFront" : point.kind);
    const cell = make("td", point.knee ? Words.list([kind, Words.say("knee")]) : kind, { class: "name kind" });
    cell.append(...point.missed.map((gate) => make("small", gate)));
    return cell;
  }

  // Columns: name, whether it holds text, what it sorts by, its cell.
  function columns(doc, byNumber, links, chosen, choose) {
    const trialOf = (point) => byNumber.get(point.trial);
    const box = (point) => {
      const key = Charts.keyOf(point);
      const input = make("input", undefined, { type: "checkbox", id: `choose-${key}`, "aria-label": Words.say("chooseThis", point.name) });
      input.checked = chosen.has(key);
      input.addEventListener("change", () => choose(key, input.checked));
      const cell = make("td");
      cell.append(input);
      return cell;
    };
    const named = (point) => {
      const cell = make("th", undefined, { scope: "row", class: "name" }), url = links.run(point);
      cell.append(url ? make("a", point.name, { id: `run-${Charts.keyOf(point)}`, href: url, target: "_blank", rel: "noopener" }) : point.name);
      return cell;
    };
    const exported = (point) => {
      const cell = make("td"), url = links.export(point);
      if (url) cell.append(make("a", "zip", { id: `export-${Charts.keyOf(point)}`, href: url, "aria-label": Words.say("exportThis", point.name) }));
      return cell;
    };
    return [
      { key: "trial", name: Words.say("trial"), text: true, by: (p) => p.trial, cell: named },
      { name: Words.say("choose"), cell: box },
      { key: "kind", name: Words.say("kind"), text: true, by: (p) => ORDER.indexOf(p.kind) - (p.knee ? 0.5 : 0),
        cell: kindCell },
      ...(links.live ? [{ name: Words.say("exported"), cell: exported }] : []),
      ...doc.objectives.map(({ metric }) => (
        { key: `metric ${metric}`, name: metric, by: (p) => p.values[metric], cell: (p) => valueCell(p, metric) })),
      ...doc.parameters.map((name) => ({ key: `parameter ${name}`, name, by: (p) => trialOf(p).configuration[name],
        cell: (p) => make("td", Charts.shown(trialOf(p).configuration[name])) })),
    ];
  }

  function compare(a, b) {
    // what has no value stands last
    if (a === b) return 0;
    if (a === null || a === undefined) return Infinity;
    if (b === null || b === undefined) return -Infinity;
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b));
  }

  // Draw one page of the points. view: sort (key), down, page, shown (all, front, chosen); changed on clicks, then again().
  function points(doc, byNumber, links, chosen, choose, view, again) {
    const table = document.getElementById("points"), stood = table.contains(document.activeElement) && document.activeElement.id;
    const all = columns(doc, byNumber, links, chosen, choose);
    const by = (all.find((c) => c.key === view.sort) || all[2]).by;
    const list = doc.points.filter((p) => view.shown === "all"
      || (view.shown === "front" ? p.kind === "front" : chosen.has(Charts.keyOf(p))));
    list.sort((a, b) => {
      const order = compare(by(a), by(b));
      return Number.isFinite(order) && view.down ? -order : order;
    });
    view.page = Math.max(0, Math.min(view.page, Math.ceil(list.length / PAGE) - 1));
    const start = view.page * PAGE, end = Math.min(start + PAGE, list.length);
    table.tHead.replaceChildren(row(all.map((column) => {
      if (!column.key) return head(column.name);
      const cell = make("th", undefined, { scope: "col", class: column.text ? "name" : "" }), button = make("button", column.name, { type: "button", id: `sort-${column.key}` });
      const sorted = view.sort === column.key;
      cell.setAttribute("aria-sort", sorted ? (view.down ? "descending" : "ascending") : "none");
      if (sorted) button.append(view.down ? " ↓" : " ↑");
      button.addEventListener("click", () => {
        view.down = sorted && !view.down;
        view.sort = column.key;
        view.page = 0;
        again();
      });
      cell.append(button);
      return cell;
    })));
    table.tBodies[0].replaceChildren(...list.slice(start, end).map((point) => {
      const made = row(all.map((column) => column.cell(point)));
      made.className = point.kind;
      return made;
    }));
    const range = document.getElementById("range"), said = Words.say("range", list.length ? start + 1 : 0, end, list.length);
    if (range.textContent !== said) range.textContent = said;
    document.getElementById("previous").disabled = start === 0;
    document.getElementById("next").disabled = end >= list.length;
    // whoever stands on what was drawn anew stays there, or near where it is on this page no longer
    if (stood) (document.getElementById(stood) || table.parentElement).focus({ preventScroll: true });
  }

  // Draw the shares of parameters, a column an objective.
  function shares(found) {
    const rung = found.rung === null ? "" : Words.say("atLowest", found.rung);
    document.getElementById("importance-help").textContent = Words.say("importanceHelp", found.trials, rung);
    const names = [...new Set(found.objectives.flatMap((o) => Object.keys(o.parameters)))];
    const place = document.getElementById("shares");
    if (!names.length) { place.replaceChildren(Words.say("importanceNone")); return; }
    const table = make("table");
    table.append(row([head(Words.say("parameter")), ...found.objectives.map((o) => head(o.metric))]));
    for (const name of names) {
      table.append(row([make("th", name, { scope: "row" }), ...found.objectives.map((o) => {
        const share = o.parameters[name], cell = make("td");
        if (share === undefined) return cell;
        cell.append(`${(100 * share).toFixed(0)} % `, make("meter", undefined, { value: share, min: 0, max: 1, "aria-hidden": "true" }));
        return cell;
      })]));
    }
    place.replaceChildren(table);
  }

  // Say why there are no shares.
  function noShares(why) {
    document.getElementById("importance-help").textContent = why;
    document.getElementById("shares").replaceChildren();
  }

  return { points, shares, noShares, make, row, valueCell, kindCell };
})();
