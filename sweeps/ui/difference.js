"use strict";
// The chosen points side by side: objectives, the parameters that differ, and folded those that are the same in all.
const Difference = (() => {
  // a double has no more
  const ALL_DIGITS = 17;
  const raw = (value) => JSON.stringify(value);

  // How many digits tell values apart that are not the same.
  function digitsFor(values) {
    const apart = new Set(values.map(raw)).size;
    let digits = Charts.DIGITS;
    while (digits < ALL_DIGITS && new Set(values.map((value) => Charts.shown(value, digits))).size < apart) digits += 1;
    return digits;
  }

  const side = (name) => Tables.make("th", name, { scope: "row" });

  function objectiveRow(metric, list) {
    const digits = digitsFor(list.map((p) => p.values[metric]));
    return Tables.row([side(metric), ...list.map((p) => Tables.valueCell(p, metric, digits))]);
  }

  function parameterRow(name, values) {
    const digits = digitsFor(values);
    return Tables.row([side(name), ...values.map((value) => Tables.make("td", Charts.shown(value, digits)))]);
  }

  function draw(doc, byNumber, chosen) {
    const place = document.getElementById("difference"), same = document.getElementById("same");
    const list = doc.points.filter((p) => chosen.has(Charts.keyOf(p)));
    document.getElementById("chosen-count").textContent = list.length ? Words.say("chosenCount", list.length) : Words.say("chooseHelp");
    document.getElementById("clear").hidden = place.hidden = same.hidden = !list.length;
    if (!list.length) return;
    const valuesOf = (name) => list.map((p) => byNumber.get(p.trial).configuration[name]);
    const differs = (name) => list.length === 1 || new Set(valuesOf(name).map(raw)).size > 1;
    const table = Tables.make("table"), common = Tables.make("table");
    table.append(Tables.row([Tables.make("td"), ...list.map((p) => Tables.make("th", p.name, { scope: "col" }))]));
    table.append(Tables.row([side(Words.say("kind")), ...list.map(Tables.kindCell)]));
    for (const { metric } of doc.objectives) table.append(objectiveRow(metric, list));
    for (const name of doc.parameters.filter(differs)) table.append(parameterRow(name, valuesOf(name)));
    const shared = doc.parameters.filter((name) => !differs(name));
    for (const name of shared) common.append(parameterRow(name, valuesOf(name).slice(0, 1)));
    place.replaceChildren(table);
    same.hidden = !shared.length;
    document.getElementById("same-count").textContent = Words.say("same", shared.length);
    document.getElementById("same-values").replaceChildren(common);
  }

  return { draw };
})();
