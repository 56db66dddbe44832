"use strict";
// The charts: what plotly draws of a document. Names come from files of users: all text that plotly gets is escaped,
// since it reads <b>, <a> and the like as markup.
const Charts = (() => {
  const DIGITS = 4;
  // how a trial's way from rung to rung is drawn; colours alone do not tell them apart for everyone
  const DASHES = { front: "solid", complete: "solid", running: "dash", waiting: "dot", stopped: "solid", cancelled: "dashdot",
    failed: "dot" };

  const escape = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const keyOf = (point) => `${point.trial}@${point.rung ?? ""}`;

  function shown(value, digits = DIGITS) {
    if (value === null || value === undefined) return "";
    if (Array.isArray(value)) return value.join(",");
    return typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(digits))) : String(value);
  }

  // Draw traces, or in their place that there is nothing to draw.
  function draw(id, doc, traces, layout, own = {}) {
    const element = document.getElementById(id), isEmpty = traces.every((trace) => !trace.x.length);
    const axis = { gridcolor: color("line"), zerolinecolor: color("line"), linecolor: color("line"), automargin: true };
    const nothing = { xaxis: { visible: false }, yaxis: { visible: false }, annotations: [{ showarrow: false,
      text: Words.say(doc.points.length ? "nothingFits" : "nothingYet"), font: { color: color("quiet"), size: 16 },
      xref: "paper", yref: "paper", x: 0.5, y: 0.5 }] };
    const drawn = isEmpty ? nothing : layout;
    const whole = {
      font: { color: color("ink"), family: "system-ui, 'Noto Sans CJK SC', sans-serif" },
      paper_bgcolor: color("ground"), plot_bgcolor: color("ground"),
      margin: { l: 60, r: 20, t: 10, b: 50 }, hovermode: "closest",
      hoverlabel: { bgcolor: color("raised"), bordercolor: color("line"), font: { color: color("ink") }, align: "left" },
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
      ...drawn,
      xaxis: { ...axis, ...drawn.xaxis }, yaxis: { ...axis, ...drawn.yaxis },
    };
    // plotly's own button would upload the chart to its makers' server
    const config = { responsive: true, displaylogo: false, showSendToCloud: false, plotlyServerURL: "", ...own,
      locale: Words.language, locales: { [Words.language]: { dictionary: Words.buttons } } };
    return Plotly.react(element, isEmpty ? [] : traces, whole, config);
  }

  function volume(doc, spent) {
    const name = spent === "units" ? doc.unit : "cardHours";
    const line = { x: doc.hypervolume.map((v) => v[spent]), y: doc.hypervolume.map((v) => v.share),
      mode: "lines", line: { shape: "hv", color: color("front"), width: 2 }, hoverinfo: "x+y" };
    const layout = { xaxis: { title: { text: Words.say(name) } }, yaxis: { title: { text: Words.say("share") } }, uirevision: spent };
    return draw("volume-chart", doc, [line], layout);
  }

  // Draw each trial's way from rung to rung; one trace a kind, a gap ends each line.
  function rungs(doc, byNumber, metric) {
    const ways = new Map();
    for (const point of doc.points) {
      if (!ways.has(point.trial)) ways.set(point.trial, []);
      ways.get(point.trial).push(point);
    }
    const kindOf = (number, way) => (way.some((p) => p.kind === "front") ? "front" : byNumber.get(number).state);
    const traces = Object.entries(DASHES).map(([kind, dash]) => {
      const own = [...ways].filter(([number, way]) => kindOf(number, way) === kind).map(([, way]) => way);
      const gapped = (read) => own.flatMap((way) => [...way.map(read), null]);
      return { x: gapped((p) => String(p.rung)), y: gapped((p) => p.values[metric]), hoverinfo: "text+y",
        hovertext: gapped((p) => escape(`${byNumber.get(p.trial).name}, ${p.rung} ${Words.say(doc.unit)}`)),
        mode: "lines+markers", name: Words.aside(Words.say(kind === "front" ? "onFront" : kind), own.length),
        line: { color: color(kind), dash, width: kind === "front" ? 2 : 1 }, marker: { size: 5 } };
    }).filter((trace) => trace.x.length).reverse();
    const labels = doc.rungs.map((rung) => Words.aside(rung, doc.points.filter((p) => p.rung === rung).length));
    const names = doc.rungs.map(String);
    return draw("rungs-chart", doc, traces, {
      xaxis: { type: "category", categoryorder: "array", categoryarray: names, tickvals: names, ticktext: labels,
        title: { text: Words.say("rung", Words.say(doc.unit)) } },
      yaxis: { title: { text: escape(metric) } }, uirevision: metric,
    });
  }

  return { draw, volume, rungs, shown, keyOf, escape, color, DIGITS };
})();
