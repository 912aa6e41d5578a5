"use strict";
// The front: all candidates by two metrics, and the table that they are linked with. Text is only ever set as text.
(() => {
  const plot = document.getElementById("front-plot");
  if (!plot) return;
  const { data } = AutoEdge;
  const star = "path://M0,-9 2.1,-2.9 8.6,-2.8 3.4,1.1 5.3,7.3 0,3.6 -5.3,7.3 -3.4,1.1 -8.6,-2.8 -2.1,-2.9Z";
  const cross = "path://M-4,-5 L0,-1 L4,-5 L5,-4 L1,0 L5,4 L4,5 L0,1 L-4,5 L-5,4 L-1,0 L-5,-4 Z";
  // Shapes tell as much as colours (Okabe and Ito); what matters most is drawn last.
  const marks = {
    refused: { title: "breaks a limit", symbol: cross, size: 9, fill: "#6b6b6b", edge: "#6b6b6b", bar: "#bbb" },
    dominated: { title: "dominated", symbol: "circle", size: 10, fill: "#ffffff", edge: "#0072b2", bar: "#bbb" },
    front: { title: "on the front", symbol: "circle", size: 11, fill: "#0072b2", edge: "#00476f", bar: "#00476f" },
    reference: { title: "reference", symbol: "diamond", size: 16, fill: "#a3508a", edge: "#5e2c50", bar: "#5e2c50" },
    chosen: { title: "chosen", symbol: star, size: 22, fill: "#d55e00", edge: "#7a3500", bar: "#7a3500" },
  };
  const selects = { x: document.getElementById("axis-x"), y: document.getElementById("axis-y") };
  const toggles = [...document.querySelectorAll("input.toggle")];
  const hover = document.getElementById("front-hover");
  const status = document.getElementById("front-chosen");
  const outside = document.getElementById("front-outside");
  const byId = new Map(data.candidates.map((one) => [one.id, one]));
  const rows = new Map([...document.querySelectorAll("#candidates tbody tr")].map((row) => [data.candidates[Number(row.dataset.row)].id, row]));
  let picked = "";

  const shownKeys = () => [selects.x.value, selects.y.value];
  const hidden = () => new Set(toggles.filter((box) => !box.checked).map((box) => box.value));

  const pointsOf = (mark, [x, y], scales) =>
    data.candidates
      .filter((one) => one.mark === mark && one.values[x] && one.values[y])
      .map((one) => ({ one, x: one.values[x], y: one.values[y] }))
      .map(({ one, x: a, y: b }) => ({
        id: one.id,
        at: [scales[0].to(a[0] * scales[0].factor), scales[1].to(b[0] * scales[1].factor)],
        ends: [a, b].map((value, i) => [1, 2].map((end) => scales[i].to(value[end] * scales[i].factor))),
        guesses: [a, b].map((value) => Boolean(value[3])),
      }))
      .filter((point) => point.at.every(Number.isFinite));

  // Intervals along one axis, cut where the picture ends.
  const barsOf = (points, scales, i) =>
    points.flatMap(({ at, ends: { [i]: [low, high] } }) => {
      const { min, max } = scales[i];
      const cut = [Number.isFinite(low) ? Math.max(low, min) : min, Math.min(high, max)];
      return [...cut.map((end) => (i ? [at[0], end] : [end, at[1]])), [null, null]];
    });

  const seriesOf = (mark, keys, scales) => {
    const look = marks[mark];
    const points = pointsOf(mark, keys, scales);
    const bars = [0, 1].flatMap((i) => [false, true].map((guess) => ({
      id: `${mark}-bars-${i}-${guess}`, type: "line", silent: true, symbol: "none", clip: true, z: 2, connectNulls: false,
      data: barsOf(points.filter((point) => point.guesses[i] === guess), scales, i),
      lineStyle: { color: look.bar, width: 1, type: guess ? "dashed" : "solid" },
    })));
    return [
      ...bars,
      {
        id: mark, type: "scatter", symbol: look.symbol, symbolSize: look.size, z: 3 + Object.keys(marks).indexOf(mark),
        data: points.map((point) => ({
          value: point.at, name: point.id,
          itemStyle: point.guesses.some(Boolean)
            ? { color: look.fill, opacity: 0.55, borderColor: look.edge, borderWidth: 1.5, borderType: [2, 2] }
            : { color: look.fill, opacity: 1, borderColor: look.edge, borderWidth: mark === "dominated" ? 1.8 : 1 },
        })),
      },
    ];
  };

  // Values, limits that are near enough to be worth the room, and what of the intervals does not blow up the axis.
  const scaleOf = (key, away, most) => {
    const metric = AutoEdge.metric(key);
    const there = data.candidates.filter((one) => one.values[key] && !away.has(one.mark));
    const values = there.map((one) => one.values[key][0] * metric.factor);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const near = data.limits
      .filter((one) => one.metric === key)
      .map((one) => one.value * metric.factor)
      .filter((at) => at >= low - 0.5 * (high - low || Math.abs(low)) && at <= high + 0.5 * (high - low || Math.abs(high)));
    const scale = AutoEdge.scale([...values, ...near], metric.log, most);
    return { ...scale, factor: metric.factor, estimated: there.some((one) => one.values[key][3]) };
  };

  const limitsOn = (keys, scales) => {
    const shaded = [];
    const lines = [];
    const beyond = [];
    keys.forEach((key, i) => {
      const side = i ? "yAxis" : "xAxis";
      for (const limit of data.limits.filter((one) => one.metric === key)) {
        const at = scales[i].to(limit.value * scales[i].factor);
        const above = limit.refused === "above";
        const { min, max } = scales[i];
        const place = Number.isFinite(at) ? Math.min(max, Math.max(min, at)) : min;
        if (place !== at) beyond.push(limit.text);
        const [start, end] = above ? [place, max] : [min, place];
        if (end > start) shaded.push([{ [side]: start }, { [side]: end }]);
        if (place === at) {
          lines.push({
            [side]: at, name: limit.text,
            // On the shaded side, where the points that matter are not.
            label: {
              formatter: limit.text, color: "#9c2f00", fontSize: 11,
              position: i ? (above ? "insideStartTop" : "insideStartBottom") : (above ? "insideEndBottom" : "insideEndTop"),
            },
          });
        }
      }
    });
    return { shaded, lines, beyond };
  };

  const option = (width) => {
    const keys = shownKeys();
    const away = hidden();
    const narrow = width < 520;
    const scales = [scaleOf(keys[0], away, narrow ? 5 : 8), scaleOf(keys[1], away, 7)];
    const limits = limitsOn(keys, scales);
    outside.textContent = limits.beyond.length ? `Outside the picture: ${limits.beyond.join("; ")}.` : "";
    const series = Object.keys(marks).filter((mark) => !away.has(mark)).flatMap((mark) => seriesOf(mark, keys, scales));
    const at = picked ? pointsOf(byId.get(picked).mark, keys, scales).find((point) => point.id === picked) : null;
    const ring = at && !away.has(byId.get(picked).mark) ? [at.at] : [];
    series.push(
      {
        id: "limits", type: "scatter", data: [], silent: true, z: 1,
        markArea: { silent: true, itemStyle: { color: "rgba(213, 94, 0, 0.10)" }, data: limits.shaded },
        markLine: {
          silent: true, symbol: "none", lineStyle: { color: "#9c2f00", type: [6, 4], width: 1.2 }, data: limits.lines,
        },
      },
      {
        id: "picked", type: "scatter", data: ring, silent: true, symbol: "circle", symbolSize: 30, z: 20,
        itemStyle: { color: "transparent", borderColor: "#1a1a1a", borderWidth: 2 },
      },
    );
    const titles = keys.map((key, i) => AutoEdge.title(AutoEdge.metric(key), scales[i].estimated));
    return {
      grid: { left: narrow ? 58 : 72, right: 18, top: 18, bottom: 48, show: true, borderColor: "#ccc" },
      xAxis: AutoEdge.axis(scales[0], titles[0], false),
      yAxis: { ...AutoEdge.axis(scales[1], titles[1], true), nameGap: narrow ? 42 : 52 },
      series,
    };
  };

  const { chart, draw } = AutoEdge.chart(plot, option);

  const line = (text, name) => {
    const made = document.createElement(name || "p");
    made.textContent = text;
    return made;
  };

  const figureOf = (one, key) => {
    const metric = AutoEdge.metric(key);
    const [value, low, high, estimated] = one.values[key];
    const ends = low === high ? "exact" : `${AutoEdge.number(low * metric.factor)} to ${AutoEdge.number(high * metric.factor)}`;
    return `${metric.name} ${AutoEdge.withUnit(value, metric, estimated)} (${ends}${estimated ? ", estimated" : ""})`;
  };

  const show = (id, x, y) => {
    const one = byId.get(id);
    hover.replaceChildren(
      line(`${one.name}: ${marks[one.mark].title}`, "strong"),
      line(one.words),
      ...[...new Set(shownKeys())].map((key) => line(figureOf(one, key))),
      line(one.measured),
    );
    hover.hidden = false;
    const left = x + 14 + hover.offsetWidth > plot.clientWidth ? x - 14 - hover.offsetWidth : x + 14;
    hover.style.left = `${Math.max(0, left)}px`;
    hover.style.top = `${Math.max(0, Math.min(y + 12, plot.clientHeight - hover.offsetHeight))}px`;
  };

  const pick = (id, scroll) => {
    picked = id;
    for (const [name, row] of rows) {
      row.classList.toggle("picked-row", name === id);
      row.querySelector("button").setAttribute("aria-pressed", String(name === id));
    }
    const row = rows.get(id);
    if (row && scroll) {
      const box = row.closest(".wide");
      box.scrollTop = row.offsetTop - box.clientHeight / 2;
    }
    const one = byId.get(id);
    const figures = data.metrics.filter((metric) => one.values[metric.key]).map((metric) => figureOf(one, metric.key));
    status.replaceChildren(
      line(`${one.name}: `, "strong"),
      line(`${one.words}; ${marks[one.mark].title}, ${one.measured}. `, "span"),
      ...figures.map((figure, i) => line(`${figure}${i < figures.length - 1 ? "; " : "."}`, "span")),
    );
    draw();
  };

  chart.on("mouseover", { componentType: "series" }, (event) => {
    if (byId.has(event.name)) show(event.name, event.event.offsetX, event.event.offsetY);
  });
  chart.on("mouseout", () => { hover.hidden = true; });
  chart.on("click", { componentType: "series" }, (event) => {
    if (byId.has(event.name)) pick(event.name, true);
  });
  for (const select of Object.values(selects)) select.addEventListener("change", () => { hover.hidden = true; draw(); });
  for (const box of toggles) box.addEventListener("change", draw);
  for (const [id, row] of rows) {
    const heading = row.querySelector("th");
    const button = line(heading.textContent, "button");
    button.type = "button";
    button.setAttribute("aria-pressed", "false");
    heading.replaceChildren(button);
    row.addEventListener("click", () => pick(id, false));
  }
  AutoEdge.front = { chart, pick };
})();
