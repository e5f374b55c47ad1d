// The list of PCs: a box that ticks the whole page, how many are ticked, and ticks that outlast a
// refresh of the list.
(() => {
  "use strict";
  const boxes = () => [...document.querySelectorAll("#chosen tbody input[type=checkbox]")];
  let ticked = new Set();
  let which = "";

  const show = () => {
    const all = boxes();
    const some = all.filter((box) => box.checked);
    ticked = new Set(some.map((box) => box.id));
    const whole = document.getElementById("tick-page");
    if (whole) {
      whole.checked = all.length > 0 && some.length === all.length;
      whole.indeterminate = some.length > 0 && some.length < all.length;
    }
    const first = document.querySelector("#which option");
    if (first) {
      first.dataset.plain ??= first.textContent;
      first.textContent = some.length ? `${first.dataset.plain} (${some.length})` : first.dataset.plain;
    }
  };

  const prepare = () => {
    const place = document.querySelector("#chosen .tick.all");
    if (place && !place.firstChild) {
      const whole = document.createElement("input");
      whole.type = "checkbox";
      whole.id = "tick-page";
      whole.setAttribute("aria-label", place.dataset.label);
      place.append(whole);
    }
    for (const box of boxes()) box.checked = ticked.has(box.id);
    const select = document.getElementById("which");
    if (select) select.value = which;
    show();
  };

  document.addEventListener("change", (event) => {
    if (event.target.id === "tick-page") {
      for (const box of boxes()) box.checked = event.target.checked;
    }
    if (event.target.id === "which") which = event.target.value;
    if (event.target.matches("#chosen input[type=checkbox]")) show();
  });
  document.addEventListener("htmx:afterSettle", prepare);
  // A browser that goes back ticks again what was ticked.
  window.addEventListener("pageshow", () => {
    which = document.getElementById("which")?.value ?? "";
    show();
    prepare();
  });
})();
