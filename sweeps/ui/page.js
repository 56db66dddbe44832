"use strict";
// The page: reads its document, from its server again and again or from within itself, and draws it.
(() => {
  const element = (id) => document.getElementById(id);
  const embedded = element("data") && JSON.parse(element("data").textContent);
  // by then plotly is there, too
  const loaded = new Promise((resolve) => addEventListener("load", resolve));
  const chosen = new Set();
  const view = { sort: "kind", down: false, page: 0, shown: "all" };
  let doc = null, byNumber = new Map(), shares = null;

  const links = {
    live: !embedded,
    run: (point) => {
      const run = byNumber.get(point.trial).run;
      // without its type MLflow may open it as one of prompts and traces
      return run && !embedded
        ? `./#/experiments/${encodeURIComponent(doc.experiment)}/runs/${encodeURIComponent(run)}?workflowType=machine_learning` : null;
    },
    compare: () => (doc.compare && !embedded ? `.${doc.compare}` : null),
    export: (point) => {
      if (embedded || byNumber.get(point.trial).imported) return null;
      return `pareto/export.zip?${new URLSearchParams({ sweep: doc.sweep, select: point.select })}`;
    },
  };

  // -- choices ----------------------------------------------------------------------------------------------------------

  function offer(id, values, otherwise, none = false) {
    const select = element(id), before = select.value || otherwise;
    const options = values.map((value) => Tables.make("option", value, { value }));
    if (none) options.unshift(Tables.make("option", Words.say("none"), { value: "" }));
    select.replaceChildren(...options);
    select.value = values.includes(before) || (none && before === "") ? before : otherwise;
  }

  function offerAll() {
    const objectives = doc.objectives.map((o) => o.metric);
    offer("x", doc.metrics, objectives[0]);
    offer("y", doc.metrics, objectives[1] || doc.metrics[1] || objectives[0]);
    offer("z", doc.metrics, "", true);
    const changes = (metric) => {
      const first = new Map();
      return doc.points.some((p) => first.has(p.trial) ? first.get(p.trial) !== p.values[metric] : !first.set(p.trial, p.values[metric]));
    };
    // what is the same at all rungs, as the ratio, makes no picture
    const learned = doc.metrics.filter(changes);
    offer("rung-metric", learned.length ? learned : objectives, learned.find((m) => objectives.includes(m)) || learned[0] || objectives[0]);
    element("spent").options[0].textContent = Words.say(doc.unit);
    element("z-log").disabled = !element("z").value;
  }

  function choose(key, on) {
    if (on) chosen.add(key); else chosen.delete(key);
    drawChosen();
  }

  // -- drawing ----------------------------------------------------------------------------------------------------------

  function drawFront() {
    const axes = ["x", "y", "z"].map((id) => ({ metric: element(id).value, log: element(`${id}-log`).checked }));
    element("z-log").disabled = !axes[2].metric;
    const { help, offLog } = Front.draw(doc, byNumber, axes.filter((axis) => axis.metric), element("bars").value, chosen);
    element("front-help").textContent = Words.sentences([...help, ...(embedded ? [] : ["clickHelp"]), "tableHelp"].map((key) => Words.say(key)));
    const off = offLog.length ? Words.say("offLog", Words.list(offLog)) : "";
    element("front-off").hidden = !off;
    if (element("front-off").textContent !== off) element("front-off").textContent = off;
    const chart = element("front-chart");
    // with other buttons, or in another language, plotly has forgotten who listens
    for (const [event, heard] of [["plotly_click", openRun], ["plotly_selected", chooseWithin]]) {
      chart.removeAllListeners(event);
      chart.on(event, heard);
    }
  }

  function openRun(event) {
    const point = doc.points.find((p) => Charts.keyOf(p) === event.points[0].customdata);
    const url = point && links.run(point);
    if (url) window.open(url, "_blank", "noopener");
  }

  function chooseWithin(event) {
    // drawing anew takes plotly's own selection away, which says so
    if (!event) return;
    for (const { customdata } of event.points) if (customdata) chosen.add(customdata);
    drawChosen();
  }

  function drawTable() {
    Tables.points(doc, byNumber, links, chosen, choose, view, drawTable);
  }

  function drawChosen() {
    drawFront();
    Difference.draw(doc, byNumber, chosen);
    drawTable();
  }

  function drawVolume() {
    const last = doc.hypervolume[doc.hypervolume.length - 1];
    element("volume-help").textContent = last ? Words.say("volumeHelp", Charts.shown(last.share)) : Words.say("volumeNone");
    Charts.volume(doc, element("spent").value);
  }

  function drawRungs() {
    if (!doc.rungs.length) return;
    const counts = doc.rungs.map((rung) => Words.say("atRung", rung, doc.points.filter((p) => p.rung === rung).length));
    element("rungs-help").textContent = Words.say("rungsHelp", Words.list(counts));
    Charts.rungs(doc, byNumber, element("rung-metric").value);
  }

  function drawAll() {
    Words.sayAll();
    element("language").value = Words.language;
    if (!doc) return;
    document.title = Words.say("title", doc.sweep);
    element("sweep").textContent = doc.sweep;
    const counts = Object.entries(doc.counts).map(([state, count]) => Words.say("inState", Words.say(state), count));
    const knee = doc.points.find((p) => p.knee);
    const said = Words.say("statusLine", Words.list(counts) || "0", doc.points.filter((p) => p.kind === "front").length, knee ? knee.name : "–");
    // said aloud by screen readers, so only where it is new
    if (element("status").textContent !== said) element("status").textContent = said;
    element("main").hidden = false;
    const compare = links.compare();
    element("compare-link").hidden = !compare;
    if (compare) element("compare-link").href = compare;
    // before anything is drawn: a chart is as wide as its place is then
    element("rungs").hidden = !doc.rungs.length;
    offerAll();
    drawChosen();
    document.body.dataset.points = doc.points.length;
    // what is further down may come after what is seen first
    setTimeout(() => { drawVolume(); drawRungs(); });
    if (shares) Tables.shares(shares);
  }

  async function take(fresh) {
    await loaded;
    doc = fresh;
    byNumber = new Map(doc.trials.map((trial) => [trial.number, trial]));
    drawAll();
    if (embedded) return;
    fetchSweeps();
    if (element("importance").open) fetchShares();
  }

  // -- the server -------------------------------------------------------------------------------------------------------

  function trouble(text, sweeps) {
    element("problem").hidden = !text;
    // nothing is loading any more
    if (text && !doc) element("status").textContent = "";
    if (element("problem").textContent !== text) element("problem").textContent = text;
    element("sweeps").hidden = !sweeps.length;
    element("sweeps").replaceChildren(...sweeps.flatMap((name, i) => [
      i ? Words.list(["", ""]) : `${Words.say("chooseSweep")} `, Tables.make("a", name, { href: `?${new URLSearchParams({ sweep: name })}` })]));
  }

  async function fetchSweeps() {
    const answer = await Server.ask("pareto/sweeps.json");
    // the choice is there the next time
    if (answer.error) return;
    const { sweeps } = answer.told, choice = element("sweep-choice");
    element("sweep-label").hidden = sweeps.length < 2;
    // one that is open would close
    if (sweeps.join("\n") !== [...choice.options].map((option) => option.value).join("\n")) {
      choice.replaceChildren(...sweeps.map((name) => Tables.make("option", name, { value: name })));
    }
    choice.value = doc.sweep;
  }

  async function fetchShares() {
    if (!shares) Tables.noShares(Words.say("computing"));
    const answer = await Server.ask("pareto/importance.json");
    shares = answer.error ? null : answer.told;
    if (shares) Tables.shares(shares); else Tables.noShares(answer.error);
  }

  // -- what the user does -----------------------------------------------------------------------------------------------

  function listen() {
    for (const id of ["x", "y", "z", "x-log", "y-log", "z-log", "bars"]) element(id).addEventListener("change", drawFront);
    for (const form of document.forms) form.addEventListener("submit", (event) => event.preventDefault());
    element("sweep-choice").addEventListener("change", () => {
      location.search = `?${new URLSearchParams({ sweep: element("sweep-choice").value })}`;
    });
    element("spent").addEventListener("change", drawVolume);
    element("rung-metric").addEventListener("change", drawRungs);
    element("clear").addEventListener("click", () => { chosen.clear(); drawChosen(); });
    element("shown").addEventListener("change", () => { view.shown = element("shown").value; view.page = 0; drawTable(); });
    for (const [id, step] of [["previous", -1], ["next", 1]]) {
      element(id).addEventListener("click", () => { view.page += step; drawTable(); });
    }
    element("language").addEventListener("change", () => { Words.language = element("language").value; drawAll(); });
    element("importance").addEventListener("toggle", () => { if (element("importance").open && !embedded) fetchShares(); });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (doc) drawAll(); });
  }

  listen();
  Words.sayAll();
  element("language").value = Words.language;
  if (embedded) {
    shares = embedded.importance;
    take(embedded.document);
  } else {
    element("status").textContent = Words.say("loading");
    Server.follow(take, trouble);
  }
})();
