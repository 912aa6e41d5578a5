"use strict";
// The other plots: search history, predicted against measured, power and temperature.
(() => {
  const { data } = AutoEdge;
  const blue = "#0072b2";
  const plainAxis = (name, vertical) => ({
    type: "value", name, nameLocation: "middle", nameGap: vertical ? 44 : 28,
    nameTextStyle: { color: "#1a1a1a", fontSize: 13 }, axisLabel: { color: "#444", fontSize: 12, hideOverlap: true },
    axisLine: { show: true, lineStyle: { color: "#999" } }, splitLine: { lineStyle: { color: "#eee" } },
  });

  const history = document.getElementById("history-plot");
  if (history) {
    const shades = { baseline: "rgba(230, 159, 0, 0.20)", confirm: "rgba(0, 158, 115, 0.16)", soak: "rgba(0, 158, 115, 0.16)" };
    const titles = { baseline: "baselines", confirm: "confirm rounds", soak: "soak" };
    const { points, phases } = data.history;
    const last = points.length ? points[points.length - 1].n : 1;
    AutoEdge.chart(history, (width) => ({
      grid: { left: 60, right: 16, top: 26, bottom: 44 },
      xAxis: { ...plainAxis("measurements", false), min: 0, max: last, splitNumber: width < 520 ? 4 : 8, minInterval: 1, axisLabel: { color: "#444", fontSize: 12, showMaxLabel: false } },
      yAxis: { ...plainAxis("share of the final hypervolume (%)", true), min: 0, max: 100 },
      series: [
        {
          type: "line", step: "end", symbol: "none", silent: true, lineStyle: { color: blue, width: 2 },
          data: [[0, 0], ...points.map((point) => [point.n, 100 * (point.share || 0)])],
          markArea: {
            silent: true,
            data: phases.filter((one) => shades[one.phase]).map((one) => [
              {
                xAxis: one.first - 1, itemStyle: { color: shades[one.phase] }, name: titles[one.phase],
                label: {
                  show: (one.last - one.first + 1) / last > 0.15 || one === phases[0], position: "top", color: "#333", fontSize: 11,
                  align: one === phases[0] ? "left" : "center", offset: one === phases[0] ? [-((one.last - one.first + 1) / last) * (width - 76) / 2, 0] : [0, 0],
                },
              },
              { xAxis: one.last },
            ]),
          },
        },
      ],
    }));
  }

  const predicted = document.getElementById("predicted-plot");
  if (predicted) {
    const select = document.getElementById("predicted-metric");
    const option = (width) => {
      const { metric: key, points, estimated } = data.predicted.find((one) => one.metric === select.value);
      const metric = AutoEdge.metric(key);
      const of = (one, name) => one[name] * metric.factor;
      const every = points.flatMap((one) => [of(one, "measured"), of(one, "predicted")]);
      const scale = AutoEdge.scale(every, metric.log, width < 520 ? 5 : 7);
      const place = (value) => Math.min(scale.max, Math.max(scale.min, Number.isFinite(scale.to(value)) ? scale.to(value) : scale.min));
      const axis = (name, vertical) => AutoEdge.axis(scale, name, vertical);
      return {
        grid: { left: 72, right: 18, top: 14, bottom: 48, show: true, borderColor: "#ccc" },
        xAxis: axis(`measured: ${AutoEdge.title(metric, estimated)}`, false),
        yAxis: axis(`~ predicted${metric.unit ? ` (${metric.unit})` : ""}`, true),
        series: [
          {
            type: "line", silent: true, symbol: "none", lineStyle: { color: "#777", type: "dashed", width: 1 },
            data: [[scale.min, scale.min], [scale.max, scale.max]],
          },
          {
            type: "line", silent: true, symbol: "none", lineStyle: { color: "#9bbfd6", type: "dashed", width: 1 },
            data: points.flatMap((one) => [
              [place(of(one, "measured")), place(of(one, "low"))], [place(of(one, "measured")), place(of(one, "high"))], [null, null],
            ]),
          },
          {
            type: "scatter", silent: true, symbol: "circle", symbolSize: 9,
            itemStyle: { color: "#ffffff", borderColor: blue, borderWidth: 1.6, borderType: [2, 2] },
            data: points.map((one) => [scale.to(of(one, "measured")), scale.to(of(one, "predicted"))]),
          },
        ],
      };
    };
    const { draw } = AutoEdge.chart(predicted, option);
    select.addEventListener("change", draw);
  }

  for (const element of document.querySelectorAll("[data-trace]")) {
    const trace = data.traces[Number(element.dataset.trace)];
    const series = trace.series[Number(element.dataset.series)];
    AutoEdge.chart(element, (width) => ({
      grid: { left: 60, right: 16, top: 12, bottom: 44 },
      xAxis: { ...plainAxis("time (s)", false), min: "dataMin", max: "dataMax", splitNumber: width < 520 ? 4 : 8, axisLabel: { color: "#444", fontSize: 12, showMinLabel: true, showMaxLabel: false, hideOverlap: true } },
      yAxis: { ...plainAxis(`${trace.estimated ? "~ " : ""}${series.name} (${series.unit})`, true), scale: true, splitNumber: 4 },
      series: [{
        type: "line", silent: true, symbol: "none", connectNulls: false,
        lineStyle: { color: blue, width: 1.5, type: trace.estimated ? "dashed" : "solid" },
        data: series.x.map((at, i) => [at, series.y[i]]),
      }],
    }));
  }
})();
