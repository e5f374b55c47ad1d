// Draws what a chart's element carries as data, in the colours of the style sheet. A live page
// brings a chart anew with each change: its drawing moves over, so that nothing flickers.
(() => {
  "use strict";
  const held = new Map();
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const language = document.documentElement.lang;
  const count = new Intl.NumberFormat(language);

  const bytes = (n) => {
    const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let unit = 0;
    while (n >= 1000 && unit + 1 < units.length) {
      n /= 1024;
      unit += 1;
    }
    return `${new Intl.NumberFormat(language, { maximumSignificantDigits: 3 }).format(n)} ${units[unit]}`;
  };

  // Steps that are round in the unit that they are told in.
  const steps = (data) => {
    if (data.unit !== "bytes") return {};
    const most = Math.max(1, ...data.series.flatMap(({ values }) => values).map(Number));
    const unit = 1024 ** Math.floor(Math.log2(most) / 10);
    const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find((n) => n * 3 * unit >= most) * unit;
    return { interval: step, max: Math.ceil(most / step) * step };
  };

  // What tells the parts from one another without their colours.
  const pattern = (kind) => {
    const color = style("--pattern");
    switch (kind) {
      case "stripes": return { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 6], rotation: -Math.PI / 4, color };
      case "cross": return { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 3], rotation: Math.PI / 4, color };
      case "dots": return { symbol: "circle", dashArrayX: [[6, 6], [0, 6, 6, 0]], dashArrayY: [5, 0], symbolSize: 0.6, color };
      default: return { symbol: "none" };
    }
  };

  const series = (data, { name, tone, pattern: kind, values }) => {
    const color = style(tone);
    if (data.shape === "line") {
      return {
        name, type: "line", data: values, color, connectNulls: false, showAllSymbol: true, symbol: "circle", symbolSize: 4,
        lineStyle: { width: 2 }, areaStyle: { opacity: 0.12 },
      };
    }
    return {
      name, type: "bar", stack: "all", data: values, color, barCategoryGap: "18%", barMaxWidth: 36,
      itemStyle: { decal: pattern(kind) },
    };
  };

  const options = (data) => {
    const quiet = style("--quiet");
    const text = { color: quiet, fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 12 };
    const shown = data.unit === "bytes" ? bytes : (n) => count.format(n);
    const legend = data.series.length > 1;
    return {
      animation: false,
      textStyle: text,
      aria: { enabled: true, label: { description: data.about } },
      legend: { show: legend, top: 0, left: 0, padding: 0, selectedMode: false, icon: "roundRect", itemWidth: 16, itemHeight: 12, itemGap: 14, textStyle: { ...text, color: style("--ink") } },
      grid: { top: legend ? 34 : 10, right: 4, bottom: 4, left: 4, containLabel: true },
      tooltip: {
        trigger: "axis", renderMode: "richText", confine: true, transitionDuration: 0,
        axisPointer: { type: data.shape === "line" ? "line" : "shadow", animation: false },
        backgroundColor: style("--card"), borderColor: style("--line"), textStyle: { ...text, color: style("--ink") },
        valueFormatter: (n) => n === null || n === undefined || n === "-" ? "–" : shown(n),
      },
      xAxis: {
        type: "category", data: data.labels, boundaryGap: data.shape !== "line",
        axisLine: { lineStyle: { color: style("--line") } }, axisTick: { show: false }, axisLabel: { ...text, hideOverlap: true },
      },
      yAxis: {
        type: "value", min: 0, minInterval: data.unit === "count" ? 1 : 0, splitNumber: 3, ...steps(data),
        splitLine: { lineStyle: { color: style("--line") } }, axisLabel: { ...text, formatter: shown },
      },
      series: data.series.map((one) => series(data, one)),
    };
  };

  // The narrow ones have no room for a legend in one line: it grows, and pushes the drawing down.
  const fit = (entry) => {
    const narrow = entry.holder.clientWidth < 420 && entry.data.series.length > 1;
    entry.chart.setOption({ grid: { top: narrow ? 56 : entry.data.series.length > 1 ? 34 : 10 } });
  };

  const draw = (anew) => {
    for (const place of document.querySelectorAll("[data-chart]")) {
      let entry = held.get(place.id);
      if (!entry) {
        const holder = document.createElement("div");
        holder.className = "drawing";
        place.replaceChildren(holder);
        entry = { holder, chart: echarts.init(holder, null, { renderer: "canvas" }), text: "" };
        held.set(place.id, entry);
        new ResizeObserver(() => {
          entry.chart.resize();
          if (entry.data) fit(entry);
        }).observe(holder);
      } else if (entry.holder.parentNode !== place) {
        place.replaceChildren(entry.holder);
      }
      if (anew || entry.text !== place.dataset.chart) {
        entry.text = place.dataset.chart;
        entry.data = JSON.parse(entry.text);
        entry.chart.setOption(options(entry.data), { notMerge: true });
        fit(entry);
        // Its own element says it.
        entry.holder.removeAttribute("aria-label");
        entry.holder.setAttribute("aria-hidden", "true");
      }
    }
  };

  document.addEventListener("htmx:afterSwap", () => draw(false));
  document.addEventListener("htmx:afterSettle", () => draw(false));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(true));
  draw(true);
})();
