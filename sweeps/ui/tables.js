"use strict";
// The tables: all points, what differs between the chosen ones, shares of parameters. Text only ever becomes text.
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

  function valueCell(point, metric) {
    const cell = make("td", Charts.shown(point.values[metric]));
    const range = point.intervals[metric];
    if (range) cell.append(" ", make("small", `[${range.map(Charts.shown).join(", ")}]`));
    return cell;
  }

  function kindText(point) {
    const kind = Words.say(point.kind === "front" ? "onFront" : point.kind);
    return point.knee ? `${kind}, ${Words.say("knee")}` : kind;
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
      cell.append(url ? make("a", point.name, { href: url, target: "_blank", rel: "noopener" }) : point.name);
      return cell;
    };
    const exported = (point) => {
      const cell = make("td"), url = links.export(point);
      if (url) cell.append(make("a", "zip", { href: url, "aria-label": Words.say("exportThis", point.name) }));
      return cell;
    };
    return [
      { name: Words.say("choose"), cell: box },
      { key: "trial", name: Words.say("trial"), text: true, by: (p) => p.trial, cell: named },
      { key: "kind", name: Words.say("kind"), text: true, by: (p) => ORDER.indexOf(p.kind) - (p.knee ? 0.5 : 0),
        cell: (p) => make("td", kindText(p), { class: "name kind" }) },
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
    const table = document.getElementById("points"), focused = document.activeElement?.id;
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
    // whoever stands on what was drawn anew stays there
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  // Draw the chosen points side by side: objectives, then the parameters that differ.
  function difference(doc, byNumber, chosen) {
    const place = document.getElementById("difference"), list = doc.points.filter((p) => chosen.has(Charts.keyOf(p)));
    const count = document.getElementById("chosen-count");
    count.textContent = list.length ? Words.say("chosenCount", list.length) : Words.say("chooseHelp");
    document.getElementById("clear").hidden = place.hidden = !list.length;
    if (!list.length) return;
    const valueOf = (point, name) => Charts.shown(byNumber.get(point.trial).configuration[name]);
    const differs = (name) => new Set(list.map((p) => valueOf(p, name))).size > 1;
    const differing = doc.parameters.filter(differs), same = doc.parameters.filter((name) => !differs(name));
    const side = (name) => make("th", name, { scope: "row" });
    const table = make("table");
    if (same.length && list.length > 1) table.append(make("caption", Words.say("same", same.join(", "))));
    table.append(row([make("td"), ...list.map((p) => head(p.name))]));
    for (const { metric } of doc.objectives) table.append(row([side(metric), ...list.map((p) => valueCell(p, metric))]));
    for (const name of list.length > 1 ? differing : doc.parameters) {
      table.append(row([side(name), ...list.map((p) => make("td", valueOf(p, name)))]));
    }
    place.replaceChildren(table);
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

  return { points, difference, shares, noShares, make };
})();
