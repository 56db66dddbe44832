"use strict";
// What the page says, in English and Chinese. {0}, {1}: what is filled in.
const Words = (() => {
  const said = {
    en: {
      title: "{0}: Pareto front", skip: "Skip to the table of trials", language: "Language", front: "Front",
      xAxis: "Across", yAxis: "Up", zAxis: "Depth", xLog: "log", yLog: "log", zLog: "log", none: "none",
      bars: "95 % intervals", barsFront: "of the front", barsAll: "of all", barsNone: "none",
      lineHelp: "The line is the front in the two objectives shown; shaded is what it dominates.",
      gatesHelp: "Dashed: gates.", framesHelp: "Dashed frames: gates.", boxHelp: "Box and lasso choose trials to compare.",
      turnHelp: "Drag to turn, scroll to come nearer; the table chooses trials to compare.",
      clickHelp: "A click opens a trial's run in MLflow.", tableHelp: "The table below says the same.",
      offLog: "Not shown on a log axis, which has no place for 0 and less: {0}.", measurements: "{0} measurements",
      gate: "gate {0}", misses: "misses {0}", nothingYet: "nothing measured yet", nothingFits: "nothing to draw here",
      dominated: "dominated", infeasible: "misses a gate", partial: "fewer items", base: "base", knee: "knee",
      onFront: "front", chosen: "chosen", frontLine: "front of these two", maximize: "higher is better",
      minimize: "lower is better", compare: "Compare", clear: "Choose none",
      chooseHelp: "Choose trials in the chart or in the table to see what differs.", chosenCount: "{0} chosen",
      same: "The same in all ({0})", trials: "Trials", show: "Show", showAll: "all",
      showFront: "the front", showChosen: "the chosen", previous: "Previous", next: "Next", range: "{0} to {1} of {2}",
      trial: "trial", kind: "kind", choose: "choose", chooseThis: "choose {0}", exported: "export",
      exportThis: "Export {0} as zip", volume: "Hypervolume", over: "over", epochs: "epochs", steps: "steps",
      cardHours: "card-hours", volumeHelp: "Share of the box between reference and ideal that the front dominates: {0}.",
      volumeNone: "It is known once the base and a trial are measured.", share: "share", rungs: "Rungs",
      metric: "Metric", rung: "rung, {0} (trials measured)", complete: "complete", stopped: "stopped", running: "running",
      failed: "failed", waiting: "waiting", cancelled: "cancelled",
      rungsHelp: "A line a trial; it ends where the trial stopped. Measured: {0}.", atRung: "{1} at {0}", inState: "{1} {0}",
      importance: "Which parameters matter", parameter: "parameter",
      importanceHelp: "Share of each parameter in reaching the best tenth of {0} trials (PED-ANOVA){1}.",
      atLowest: ", measured at rung {0}", importanceNone: "too few trials yet", loading: "Loading …", computing: "Computing …",
      statusLine: "Trials: {0}. On the front: {1}. Knee: {2}.", away: "The server does not answer; trying again.",
      chooseSweep: "Sweeps here:", sweepChoice: "Sweep", compareInMlflow: "Compare in MLflow",
    },
    zh: {
      title: "{0}：帕累托前沿", skip: "跳到试验表格", language: "语言", front: "前沿",
      xAxis: "横轴", yAxis: "纵轴", zAxis: "深度轴", xLog: "对数", yLog: "对数", zLog: "对数", none: "无",
      bars: "95 % 区间", barsFront: "仅前沿", barsAll: "全部", barsNone: "不显示",
      lineHelp: "折线是所选两个目标上的前沿，阴影为其支配的区域。",
      gatesHelp: "虚线为门槛。", framesHelp: "虚线框为门槛。", boxHelp: "框选和套索可选取要对比的试验。",
      turnHelp: "拖动旋转，滚轮缩放；在表格中选取要对比的试验。",
      clickHelp: "点击打开该试验在 MLflow 中的运行。", tableHelp: "下方表格内容相同。",
      offLog: "对数轴上没有 0 和负值的位置，未显示：{0}。", measurements: "{0} 次测量",
      gate: "门槛 {0}", misses: "未过 {0}", nothingYet: "尚无测量结果", nothingFits: "没有可画的数据",
      dominated: "被支配", infeasible: "未过门槛", partial: "样本较少", base: "基座模型", knee: "拐点",
      onFront: "前沿", chosen: "已选", frontLine: "这两个目标的前沿", maximize: "越高越好",
      minimize: "越低越好", compare: "对比", clear: "取消选择",
      chooseHelp: "在图或表格中选取试验，查看其差异。", chosenCount: "已选 {0} 个",
      same: "各试验相同的参数（{0}）", trials: "试验", show: "显示", showAll: "全部",
      showFront: "前沿", showChosen: "已选", previous: "上一页", next: "下一页", range: "第 {0} 至 {1} 条，共 {2} 条",
      trial: "试验", kind: "类别", choose: "选取", chooseThis: "选取 {0}", exported: "导出",
      exportThis: "将 {0} 导出为 zip", volume: "超体积", over: "横轴", epochs: "轮", steps: "步",
      cardHours: "卡时", volumeHelp: "前沿所支配的区域占参考点与理想点之间区域的比例：{0}。",
      volumeNone: "基座模型和一个试验测完后可知。", share: "比例", rungs: "梯级",
      metric: "指标", rung: "梯级，{0}（已测试验数）", complete: "完成", stopped: "已停", running: "运行中",
      failed: "失败", waiting: "等待", cancelled: "已取消",
      rungsHelp: "每个试验一条线，停在哪一级就终止于哪一级。已测：{0}。", atRung: "梯级 {0}：{1} 个", inState: "{0} {1} 个",
      importance: "哪些参数重要", parameter: "参数",
      importanceHelp: "各参数对进入 {0} 个试验中最好的十分之一所起作用的比例（PED-ANOVA）{1}。",
      atLowest: "，在梯级 {0} 测得", importanceNone: "试验还太少", loading: "加载中…", computing: "计算中…",
      statusLine: "试验：{0}。前沿上：{1}。拐点：{2}。", away: "服务器没有响应，正在重试。",
      chooseSweep: "这里的搜索：", sweepChoice: "搜索", compareInMlflow: "在 MLflow 中对比",
    },
  };
  // what plotly itself says, by its own words
  const buttons = {
    en: {},
    zh: {
      "Download plot as a PNG": "下载为 PNG 图片", Zoom: "缩放", Pan: "平移", "Box Select": "框选", "Lasso Select": "套索选取",
      "Zoom in": "放大", "Zoom out": "缩小", Autoscale: "自动缩放", "Reset axes": "重置坐标轴", "Orbital rotation": "自由旋转",
      "Turntable rotation": "转台旋转", "Reset camera to default": "恢复默认视角", "Reset camera to last save": "恢复上次视角",
      "Double-click to zoom back out": "双击恢复原范围", "Double-click on legend to isolate one trace": "双击图例只看一项",
      "Taking snapshot - this may take a few seconds": "正在生成图片，请稍候", "Snapshot succeeded": "图片已生成",
    },
  };
  let language = (navigator.language || "en").toLowerCase().startsWith("zh") ? "zh" : "en";

  function kept() {
    // a sandboxed frame has no storage
    try { return localStorage.getItem("lorasweep-language"); } catch { return null; }
  }
  if (kept() in said) language = kept();

  return {
    get language() { return language; },
    set language(chosen) {
      language = chosen in said ? chosen : "en";
      try { localStorage.setItem("lorasweep-language", language); } catch { /* it is asked again next time */ }
    },
    say(key, ...values) {
      return said[language][key].replace(/\{(\d)\}/g, (_, i) => values[i]);
    },
    get buttons() { return buttons[language]; },
    list: (items) => items.join(language === "zh" ? "、" : ", "),
    sentences: (items) => items.join(language === "zh" ? "" : " "),
    aside: (name, text) => (language === "zh" ? `${name}（${text}）` : `${name} (${text})`),
    // Say all that the page's own HTML marks with data-say.
    sayAll() {
      document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
      for (const element of document.querySelectorAll("[data-say]")) {
        element.textContent = said[language][element.dataset.say];
      }
    },
  };
})();
