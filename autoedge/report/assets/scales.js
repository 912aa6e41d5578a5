"use strict";
// From a metric's values to places on an axis, and the marks along it. Everything hangs on one object, so that the
// page's scripts share no other global name.
const AutoEdge = { data: JSON.parse(document.getElementById("report-data").textContent) };

for (const part of document.querySelectorAll(".live")) part.hidden = false; // without scripts they would be empty

AutoEdge.metric = (key) => AutoEdge.data.metrics.find((one) => one.key === key);

// Three significant digits, written out unless extreme, as in the tables.
AutoEdge.number = (value) => {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-6 || size >= 1e9) return value.toExponential(2);
  const rounded = Number(value.toPrecision(3));
  return rounded.toFixed(Math.max(0, 2 - Math.floor(Math.log10(Math.abs(rounded)))));
};

AutoEdge.withUnit = (value, metric, estimated) =>
  `${estimated ? "~" : ""}${AutoEdge.number(value * metric.factor)}${metric.unit ? ` ${metric.unit}` : ""}`;

// Few round numbers between two ends.
const steps = (low, high, most) => {
  const rough = (high - low) / most || 1;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * unit).find((one) => one >= rough * 0.999);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i += 1) found.push(Number((i * step).toPrecision(12)));
  return found;
};

const decades = (low, high, most) => {
  const found = (factors, stride) => {
    const made = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
      if (power % stride) continue;
      for (const factor of factors) made.push(Number((factor * 10 ** power).toPrecision(6)));
    }
    return made.filter((one) => one >= low && one <= high);
  };
  const choices = [[[1, 2, 5], 1], [[1, 3], 1], [[1], 1], [[1], 2], [[1], 3], [[1], 4]];
  return choices.map(([factors, stride]) => found(factors, stride)).find((made) => made.length <= most) || [low, high];
};

// A scale over values (already in the shown unit): logarithmic where the metric allows it and they span a decade.
AutoEdge.scale = (values, mayBeLog, most) => {
  const known = values.filter((value) => Number.isFinite(value));
  let low = Math.min(...known);
  let high = Math.max(...known);
  if (!known.length) [low, high] = [0, 1];
  const log = mayBeLog && low > 0 && high / low >= 10;
  const to = (value) => (log ? (value > 0 ? Math.log10(value) : NaN) : value);
  const from = (place) => (log ? 10 ** place : place);
  const span = to(high) - to(low);
  const room = span * 0.07 || Math.abs(to(high)) * 0.1 || 1;
  const [min, max] = [to(low) - room, to(high) + room];
  const ticks = log ? decades(from(min), from(max), most) : steps(min, max, most);
  return { to, from, min, max, log, ticks: ticks.map(to) };
};

// A tick as short as it can be said.
AutoEdge.tick = (value) => {
  const rounded = Number(value.toPrecision(6));
  const size = Math.abs(rounded);
  if (size >= 1e5 || (size > 0 && size < 1e-4)) return rounded.toExponential().replace("e+", "e");
  return String(rounded);
};

// An axis of the plotting library for a scale of ours.
AutoEdge.axis = (scale, name, vertical) => ({
  type: "value",
  min: scale.min,
  max: scale.max,
  name,
  nameLocation: "middle",
  nameGap: vertical ? 52 : 30,
  nameTextStyle: { color: "#1a1a1a", fontSize: 13 },
  axisLine: { show: true, onZero: false, lineStyle: { color: "#999" } },
  axisTick: { show: true, customValues: scale.ticks },
  axisLabel: {
    color: "#444", fontSize: 12, customValues: scale.ticks, hideOverlap: true,
    formatter: (place) => AutoEdge.tick(scale.from(place)),
  },
  splitLine: { show: false },
});

AutoEdge.title = (metric, estimated) =>
  `${estimated ? "~ " : ""}${metric.name}${metric.unit ? ` (${metric.unit})` : ""}${estimated ? ", estimated" : ""}`;

// A strict policy refuses style attributes that are set as text, as the library's SVG painter sets them; the same
// declarations through the object model are allowed, since they cannot come from markup.
const setAttribute = Element.prototype.setAttribute;
SVGElement.prototype.setAttribute = function set(name, value) {
  if (name === "style") this.style.cssText = value;
  else setAttribute.call(this, name, value);
};

AutoEdge.charts = [];

// A chart in an element, drawn anew whenever its width changes.
AutoEdge.chart = (element, option) => {
  const chart = echarts.init(element, null, { renderer: "svg" });
  const draw = () => chart.setOption({ animation: false, ...option(element.clientWidth) }, { notMerge: true });
  draw();
  const one = { chart, draw, element };
  AutoEdge.charts.push(one);
  return one;
};
