"use strict";
// The chart of the front: all comparable points over two metrics or three. An axis is {metric, log}.
const Front = (() => {
  const FLAT = { type: "scatter", dominated: ["circle", 6], infeasible: ["x-thin-open", 7], front: ["circle", 9],
    knee: ["diamond", 13], base: ["star", 12], chosen: ["circle-open", 17] };
  // plotly draws some symbols in depth from a font that is not everywhere
  const DEEP = { type: "scatter3d", dominated: ["circle", 3], infeasible: ["square-open", 4], front: ["circle", 4],
    knee: ["diamond", 6], base: ["cross", 5], chosen: ["circle-open", 10] };
  const KINDS = ["dominated", "infeasible", "front"];
  const NAMED = 4;
  const { color, escape, shown } = Charts;

  // -- what is drawn where ----------------------------------------------------------------------------------------------

  const fits = (axes, values) => axes.every(({ metric, log }) => Number.isFinite(values[metric]) && !(log && values[metric] <= 0));
  // what has a value for which a logarithmic axis has no place
  const isOffLog = (axes, values) => axes.some(({ metric, log }) => log && Number.isFinite(values[metric]) && values[metric] <= 0);

  function gatesOn(doc, axes) {
    const known = doc.gates.filter((gate) => gate.bound !== null && axes.some((axis) => axis.metric === gate.metric))
      .map((gate) => ({ ...gate, at: axes.findIndex((axis) => axis.metric === gate.metric) }));
    const isOff = (gate) => axes[gate.at].log && gate.bound <= 0;
    return { drawn: known.filter((gate) => !isOff(gate)), off: known.filter(isOff) };
  }

  // The names of what is on no logarithmic axis.
  function offLog(doc, axes, comparable) {
    const points = comparable.filter((p) => isOffLog(axes, p.values)).map((p) => p.name);
    return [
      ...(doc.base && isOffLog(axes, doc.base.values) ? [Words.say("base")] : []),
      ...(points.length > NAMED ? [Words.say("measurements", points.length)] : points),
      ...gatesOn(doc, axes).off.map((gate) => Words.say("gate", gate.text)),
    ];
  }

  // -- points -----------------------------------------------------------------------------------------------------------

  const bar = (points, metric) => ({
    type: "data", symmetric: false, thickness: 1, width: 0,
    array: points.map((p) => (p.intervals[metric] ? p.intervals[metric][1] - p.values[metric] : 0)),
    arrayminus: points.map((p) => (p.intervals[metric] ? p.values[metric] - p.intervals[metric][0] : 0)),
  });

  function hover(point, configuration, metrics) {
    const lines = [`<b>${escape(point.name)}</b>`];
    for (const gate of point.missed || []) lines.push(escape(Words.say("misses", gate)));
    for (const metric of metrics) {
      const range = point.intervals[metric];
      const ends = range ? ` [${shown(range[0])}, ${shown(range[1])}]` : "";
      lines.push(`${escape(metric)}: ${shown(point.values[metric])}${ends}`);
    }
    for (const [name, value] of Object.entries(configuration)) lines.push(`<i>${escape(name)}: ${escape(shown(value))}</i>`);
    return lines.join("<br>");
  }

  function pointTraces(doc, byNumber, axes, bars, points, chosen) {
    const looks = axes.length === 3 ? DEEP : FLAT, metrics = axes.map((axis) => axis.metric);
    const told = [...new Set([...metrics, ...doc.objectives.map((o) => o.metric)])];
    const marks = (kind, list, more) => ({
      type: looks.type, mode: "markers", hoverinfo: "text", name: Words.say(kind === "front" ? "onFront" : kind),
      ...Object.fromEntries(metrics.map((metric, i) => ["xyz"[i], list.map((p) => p.values[metric])])),
      marker: { color: color(kind), symbol: looks[kind][0], size: looks[kind][1],
        line: { width: looks[kind][0].endsWith("open") ? 1.5 : 0, color: color(kind) } },
      selected: { marker: { opacity: 1 } }, unselected: { marker: { opacity: 1 } },
      ...more,
    });
    const measured = (kind, list, barred, more) => marks(kind, list, { customdata: list.map(Charts.keyOf),
      hovertext: list.map((p) => hover(p, byNumber.get(p.trial).configuration, told)),
      ...(barred ? Object.fromEntries(metrics.map((m, i) => [`error_${"xyz"[i]}`, { ...bar(list, m), color: color(kind) }])) : {}),
      ...more });
    const traces = KINDS.map((kind) => {
      const own = points.filter((p) => p.kind === kind), name = Words.say(kind === "front" ? "onFront" : kind);
      return measured(kind, own.filter((p) => !p.knee), bars === "all" || bars === kind, { name: Words.aside(name, own.length) });
    });
    const knee = points.filter((p) => p.knee);
    if (knee.length) traces.push(measured("knee", knee, bars !== "none"));
    if (doc.base && fits(axes, doc.base.values)) {
      traces.push(marks("base", [doc.base], { hovertext: [hover({ ...doc.base, name: Words.say("base") }, {}, told)] }));
    }
    const marked = points.filter((p) => chosen.has(Charts.keyOf(p)));
    traces.push(marks("chosen", marked, { hoverinfo: "skip", showlegend: marked.length > 0 }));
    return traces;
  }

  // -- in two dimensions ------------------------------------------------------------------------------------------------

  // The points that no other dominates in two objectives, from the best of the first to the best of the second.
  function staircase(points, x, y) {
    const sx = x.direction === "maximize" ? 1 : -1, sy = y.direction === "maximize" ? 1 : -1;
    const sorted = points.map((p) => [p.values[x.metric], p.values[y.metric]])
      .sort((a, b) => sx * (b[0] - a[0]) || sy * (b[1] - a[1]));
    const front = [];
    let best = -Infinity;
    for (const corner of sorted) {
      if (sy * corner[1] > best) { best = sy * corner[1]; front.push(corner); }
    }
    return front;
  }

  // The border of what a front dominates within the points' range.
  function area(points, x, y) {
    const front = staircase(points.filter((p) => p.kind === "front" || p.kind === "dominated"), x, y);
    if (!front.length) return [];
    const worst = [x, y].map((o) => {
      const values = points.map((p) => p.values[o.metric]);
      return values.reduce((a, b) => (o.direction === "maximize" ? Math.min(a, b) : Math.max(a, b)));
    });
    const path = [[front[0][0], worst[1]]];
    front.forEach((corner, i) => {
      if (i) path.push([corner[0], front[i - 1][1]]);
      path.push(corner);
    });
    path.push([worst[0], front[front.length - 1][1]]);
    return [
      { x: [...path.map((p) => p[0]), worst[0]], y: [...path.map((p) => p[1]), worst[1]], fill: "toself",
        fillcolor: color("area"), line: { width: 0 }, mode: "lines", hoverinfo: "skip", showlegend: false },
      { x: path.map((p) => p[0]), y: path.map((p) => p[1]), mode: "lines", line: { color: color("front"), width: 1.5 },
        hoverinfo: "skip", name: Words.say("frontLine") },
    ];
  }

  function gateLine(gate) {
    return { type: "line", line: { color: color("quiet"), width: 1.5, dash: "dash" }, layer: "above",
      ...(gate.at ? { xref: "paper", yref: "y", x0: 0, x1: 1, y0: gate.bound, y1: gate.bound }
        : { xref: "x", yref: "paper", x0: gate.bound, x1: gate.bound, y0: 0, y1: 1 }) };
  }

  function gateLabel(gate, axes, objectives) {
    // of all that has a place on a logarithmic axis, plotly wants that of notes alone as an exponent
    const place = axes[gate.at].log ? Math.log10(gate.bound) : gate.bound;
    // where the worst points are: the best lie close together at the other end
    const along = objectives.find((o) => o.metric === axes[1 - gate.at].metric), end = along?.direction === "minimize" ? 1 : 0;
    return { text: escape(gate.text), showarrow: false, font: { color: color("quiet"), size: 12 }, bgcolor: color("veil"), borderpad: 1,
      ...(gate.at ? { xref: "paper", x: end, xanchor: end ? "right" : "left", yref: "y", y: place, yanchor: "bottom", yshift: 2 }
        : { xref: "x", x: place, xanchor: "right", xshift: -2, yref: "paper", y: end, yanchor: end ? "top" : "bottom", textangle: -90 }) };
  }

  function title(doc, metric, between = "") {
    const objective = doc.objectives.find((o) => o.metric === metric);
    return objective ? Words.aside(escape(metric) + between, Words.say(objective.direction)) : escape(metric);
  }

  function flat(doc, axes, points, traces, common) {
    const [x, y] = axes.map((axis) => doc.objectives.find((o) => o.metric === axis.metric));
    const line = x && y && x !== y ? area(points, x, y) : [], gates = gatesOn(doc, axes).drawn;
    const [xaxis, yaxis] = axes.map(({ metric, log }) => ({ title: { text: title(doc, metric) }, type: log ? "log" : "linear" }));
    Charts.draw("front-chart", doc, [...line, ...traces], { ...common, xaxis, yaxis, shapes: gates.map(gateLine),
      annotations: gates.map((gate) => gateLabel(gate, axes, doc.objectives)), selections: [], dragmode: "zoom" },
    { modeBarButtonsToAdd: ["select2d", "lasso2d"] });
    return [...(line.length ? ["lineHelp"] : []), ...(gates.length ? ["gatesHelp"] : []), "boxHelp"];
  }

  // -- in three dimensions ----------------------------------------------------------------------------------------------

  // A gate's plane by its frame: a filled one would keep the mouse from all points behind it.
  function frame(gate, axes, traces) {
    const ends = ["x", "y", "z"].map((name) => {
      const values = traces.flatMap((trace) => trace[name]);
      return [Math.min(...values), Math.max(...values)];
    });
    ends[gate.at] = [gate.bound, gate.bound];
    // around the plane, whichever axis it stands on
    const [a, b] = [0, 1, 2].filter((i) => i !== gate.at);
    const corners = [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]].map(([u, v]) => ends.map((end, i) => end[i === a ? u : i === b ? v : 0]));
    return { type: "scatter3d", mode: "lines", ...Object.fromEntries([..."xyz"].map((name, i) => [name, corners.map((c) => c[i])])),
      line: { color: color("quiet"), width: 3, dash: "dash" }, hoverinfo: "skip", name: escape(gate.text) };
  }

  function deep(doc, axes, traces, common) {
    const gates = traces.some((trace) => trace.x.length) ? gatesOn(doc, axes).drawn : [];
    const [xaxis, yaxis, zaxis] = axes.map(({ metric, log }) => ({ title: { text: title(doc, metric, "<br>") },
      type: log ? "log" : "linear", gridcolor: color("line"), color: color("ink"), backgroundcolor: color("ground") }));
    // as far away as the axes' titles need on a narrow screen
    const far = Math.max(1, 560 / document.getElementById("front-chart").clientWidth);
    const camera = { eye: { x: 1.6 * far, y: 1.6 * far, z: 0.9 * far }, center: { x: 0, y: 0, z: -0.2 } };
    const scene = { xaxis, yaxis, zaxis, uirevision: common.uirevision, camera };
    Charts.draw("front-chart", doc, [...traces, ...gates.map((gate) => frame(gate, axes, traces))],
      { ...common, scene, margin: { l: 0, r: 0, t: 0, b: 0 } });
    return [...(gates.length ? ["framesHelp"] : []), "turnHelp"];
  }

  // Draw the chart. bars: of which points intervals are drawn (front, all, none). Returns what there is to say of it:
  // help: keys of words, offLog: names of what is not drawn.
  function draw(doc, byNumber, axes, bars, chosen) {
    const comparable = doc.points.filter((p) => p.kind !== "partial");
    const points = comparable.filter((p) => fits(axes, p.values));
    const traces = pointTraces(doc, byNumber, axes, bars, points, chosen);
    const common = { uirevision: JSON.stringify(axes) };
    const help = axes.length === 3 ? deep(doc, axes, traces, common) : flat(doc, axes, points, traces, common);
    return { help, offLog: offLog(doc, axes, comparable) };
  }

  return { draw };
})();
