"use strict";
// The charts: what plotly draws of a document. Names come from files of users: all text that plotly gets is escaped,
// since it reads <b>, <a> and the like as markup.
const Charts = (() => {
  const KINDS = ["dominated", "infeasible", "front"];
  const STATES = ["front", "complete", "running", "stopped", "failed"];
  const SYMBOLS = { front: "circle", dominated: "circle", infeasible: "x-thin-open", base: "star", knee: "diamond" };
  const IN_DEPTH = { ...SYMBOLS, infeasible: "x", base: "cross" };

  const escape = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const keyOf = (point) => `${point.trial}@${point.rung ?? ""}`;

  function shown(value) {
    if (value === null || value === undefined) return "";
    if (Array.isArray(value)) return value.join(",");
    return typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(4))) : String(value);
  }

  function draw(id, traces, layout, own = {}) {
    const element = document.getElementById(id);
    const axis = { gridcolor: color("line"), zerolinecolor: color("line"), linecolor: color("line"), automargin: true };
    const whole = {
      font: { color: color("ink"), family: "system-ui, 'Noto Sans CJK SC', sans-serif" },
      paper_bgcolor: color("ground"), plot_bgcolor: color("ground"),
      margin: { l: 60, r: 20, t: 10, b: 50 }, hovermode: "closest",
      hoverlabel: { bgcolor: color("raised"), bordercolor: color("line"), font: { color: color("ink") }, align: "left" },
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
      ...layout,
      xaxis: { ...axis, ...layout.xaxis }, yaxis: { ...axis, ...layout.yaxis },
    };
    // plotly's own button would upload the chart to its makers' server
    const config = { responsive: true, displaylogo: false, showSendToCloud: false, plotlyServerURL: "", ...own };
    return Plotly.react(element, traces, whole, config);
  }

  const bar = (points, metric) => ({
    type: "data", symmetric: false, thickness: 1, width: 0,
    array: points.map((p) => (p.intervals[metric] ? p.intervals[metric][1] - p.values[metric] : 0)),
    arrayminus: points.map((p) => (p.intervals[metric] ? p.values[metric] - p.intervals[metric][0] : 0)),
  });

  function hover(point, trial, metrics) {
    const lines = [`<b>${escape(point.name)}</b>`];
    for (const metric of metrics) {
      const range = point.intervals[metric];
      const ends = range ? ` [${shown(range[0])}, ${shown(range[1])}]` : "";
      lines.push(`${escape(metric)}: ${shown(point.values[metric])}${ends}`);
    }
    for (const [name, value] of Object.entries(trial.configuration)) {
      lines.push(`<i>${escape(name)}: ${escape(shown(value))}</i>`);
    }
    return lines.join("<br>");
  }

  function title(doc, metric) {
    const objective = doc.objectives.find((o) => o.metric === metric);
    return escape(metric) + (objective ? ` (${Words.say(objective.direction)})` : "");
  }

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

  function gates(doc, metric, axis) {
    return doc.gates.filter((gate) => gate.metric === metric && gate.bound !== null).map((gate) => ({
      type: "line", line: { color: color("quiet"), width: 1.5, dash: "dash" }, layer: "above",
      ...(axis === "x" ? { xref: "x", yref: "paper", x0: gate.bound, x1: gate.bound, y0: 0, y1: 1 }
        : { xref: "paper", yref: "y", x0: 0, x1: 1, y0: gate.bound, y1: gate.bound }),
      label: { text: escape(gate.text), font: { color: color("quiet"), size: 12 }, textposition: "end",
        textangle: axis === "x" ? -90 : 0, xanchor: "right", yanchor: axis === "x" ? "top" : "bottom" },
    }));
  }

  // Draw all comparable points over two metrics, or three. settings: x, y, z (or ""), xLog, yLog, zLog, bars.
  function front(doc, byNumber, settings, chosen) {
    const metrics = [settings.x, settings.y, ...(settings.z ? [settings.z] : [])];
    const logs = [settings.xLog, settings.yLog, settings.zLog];
    // what has no place on a logarithmic axis is left out as what has no value is
    const fits = (values) => metrics.every((m, i) => Number.isFinite(values[m]) && (!logs[i] || values[m] > 0));
    const points = doc.points.filter((p) => p.kind !== "partial" && fits(p.values));
    const depth = metrics.length === 3, symbols = depth ? IN_DEPTH : SYMBOLS;
    const names = [...new Set([...metrics, ...doc.objectives.map((o) => o.metric)])];
    const place = (list) => Object.fromEntries(metrics.map((m, i) => ["xyz"[i], list.map((p) => p.values[m])]));
    const common = { type: depth ? "scatter3d" : "scatter", mode: "markers" };
    const traces = KINDS.map((kind) => {
      const own = points.filter((p) => p.kind === kind);
      const bars = settings.bars === "all" || (settings.bars === "front" && kind === "front");
      return {
        ...common, ...place(own), name: `${Words.say(kind === "front" ? "onFront" : kind)} (${own.length})`,
        customdata: own.map(keyOf), hoverinfo: "text",
        hovertext: own.map((p) => hover(p, byNumber.get(p.trial), names)),
        ...(bars ? Object.fromEntries(metrics.map((m, i) => [`error_${"xyz"[i]}`, { ...bar(own, m), color: color(kind) }])) : {}),
        marker: { color: color(kind), symbol: own.map((p) => (p.knee ? symbols.knee : symbols[kind])),
          size: own.map((p) => (depth ? 4 : 7) + (p.knee ? 5 : kind === "front" ? 2 : 0)),
          opacity: kind === "dominated" ? 0.75 : 1, line: { width: kind === "infeasible" ? 1 : 0, color: color(kind) } },
        selected: { marker: { opacity: 1 } }, unselected: { marker: { opacity: kind === "dominated" ? 0.75 : 1 } },
      };
    });
    if (doc.base && fits(doc.base.values)) {
      traces.push({ ...common, ...place([doc.base]), name: Words.say("base"), hoverinfo: "text",
        hovertext: [hover({ ...doc.base, name: Words.say("base") }, { configuration: {} }, names)],
        marker: { color: color("base"), symbol: symbols.base, size: depth ? 5 : 12 } });
    }
    const marked = points.filter((p) => chosen.has(keyOf(p)));
    traces.push({ ...common, ...place(marked), name: Words.say("chosen"), hoverinfo: "skip", showlegend: marked.length > 0,
      marker: { symbol: "circle-open", color: color("ink"), size: depth ? 10 : 15, line: { width: 2, color: color("ink") } } });
    const axis = (i) => ({ title: { text: title(doc, metrics[i]) }, type: logs[i] ? "log" : "linear" });
    const still = `${metrics}${logs}`;
    if (depth) {
      const inScene = (i) => ({ ...axis(i), gridcolor: color("line"), color: color("ink"), backgroundcolor: color("ground") });
      const scene = { xaxis: inScene(0), yaxis: inScene(1), zaxis: inScene(2), uirevision: still,
        camera: { eye: { x: 1.7, y: 1.7, z: 0.9 } } };
      return draw("front-chart", traces, { scene, uirevision: still, margin: { l: 0, r: 0, t: 0, b: 0 } });
    }
    const [x, y] = metrics.map((m) => doc.objectives.find((o) => o.metric === m));
    if (x && y && x !== y) traces.unshift(...area(points, x, y));
    const shapes = [...gates(doc, metrics[0], "x"), ...(metrics[1] === metrics[0] ? [] : gates(doc, metrics[1], "y"))];
    const layout = { xaxis: axis(0), yaxis: axis(1), shapes, selections: [], uirevision: still, dragmode: "zoom" };
    return draw("front-chart", traces, layout, { modeBarButtonsToAdd: ["select2d", "lasso2d"] });
  }

  function volume(doc, spent) {
    const name = spent === "units" ? doc.unit : "cardHours";
    const line = { x: doc.hypervolume.map((v) => v[spent]), y: doc.hypervolume.map((v) => v.share),
      mode: "lines", line: { shape: "hv", color: color("front"), width: 2 }, hoverinfo: "x+y" };
    const layout = { xaxis: { title: { text: Words.say(name) } }, yaxis: { title: { text: Words.say("share") } }, uirevision: spent };
    return draw("volume-chart", [line], layout);
  }

  // Draw each trial's way from rung to rung; one trace a kind, a gap ends each line.
  function rungs(doc, byNumber, metric) {
    const ways = new Map();
    for (const point of doc.points) {
      if (!ways.has(point.trial)) ways.set(point.trial, []);
      ways.get(point.trial).push(point);
    }
    const kindOf = (number, way) => {
      if (way.some((p) => p.kind === "front")) return "front";
      const state = byNumber.get(number).state;
      return STATES.includes(state) ? state : "stopped";
    };
    const traces = STATES.map((kind) => {
      const own = [...ways].filter(([number, way]) => kindOf(number, way) === kind).map(([, way]) => way);
      const gapped = (read) => own.flatMap((way) => [...way.map(read), null]);
      return { x: gapped((p) => String(p.rung)), y: gapped((p) => p.values[metric]), hoverinfo: "text+y",
        hovertext: gapped((p) => escape(`${byNumber.get(p.trial).name}, ${p.rung} ${Words.say(doc.unit)}`)),
        customdata: gapped(keyOf), mode: "lines+markers", opacity: kind === "stopped" ? 0.5 : 0.85,
        name: `${Words.say(kind === "front" ? "onFront" : kind)} (${own.length})`,
        line: { color: color(kind), width: kind === "front" ? 2 : 1 }, marker: { size: 5 } };
    }).filter((trace) => trace.x.length).reverse();
    const labels = doc.rungs.map((rung) => `${rung} (${doc.points.filter((p) => p.rung === rung).length})`);
    const names = doc.rungs.map(String);
    return draw("rungs-chart", traces, {
      xaxis: { type: "category", categoryorder: "array", categoryarray: names, tickvals: names, ticktext: labels,
        title: { text: Words.say("rung", Words.say(doc.unit)) } },
      yaxis: { title: { text: escape(metric) } }, uirevision: metric,
    });
  }

  return { front, volume, rungs, shown, keyOf };
})();
