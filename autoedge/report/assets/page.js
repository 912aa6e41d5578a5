"use strict";
// Charts follow the width that there is: of the window, and of paper.
(() => {
  const paper = 680;
  const fit = (size) => {
    for (const { chart, draw } of AutoEdge.charts) {
      chart.resize(size);
      draw();
    }
  };
  let waiting = 0;
  window.addEventListener("resize", () => {
    window.clearTimeout(waiting);
    waiting = window.setTimeout(() => fit(), 100);
  });
  window.addEventListener("beforeprint", () => {
    for (const unfolded of document.querySelectorAll("details")) unfolded.open = true;
    fit({ width: paper });
  });
  window.addEventListener("afterprint", () => fit({ width: "auto" }));
  document.documentElement.dataset.ready = "yes";
})();
