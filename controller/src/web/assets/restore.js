// What makes restoring quick: arrows move about the calendar, ticks are kept when one goes on to
// another folder, all can be ticked at once, and the note is copied with one press.
(() => {
  "use strict";

  // The calendar: links in their columns; left and right go through them, up and down by weeks.
  const calendar = () => [...document.querySelectorAll("table.calendar a")];
  const column = (link) => link.closest("td").cellIndex;
  document.addEventListener("keydown", (event) => {
    const link = event.target.closest?.("table.calendar a");
    if (!link || event.altKey || event.ctrlKey || event.metaKey) return;
    const links = calendar();
    const at = links.indexOf(link);
    const row = link.closest("tr");
    const beyond = (list) => {
      const first = list.find((other) => other.closest("tr") !== row);
      if (!first) return undefined;
      const week = list.filter((other) => other.closest("tr") === first.closest("tr"));
      return week.sort((a, b) => Math.abs(column(a) - column(link)) - Math.abs(column(b) - column(link)))[0];
    };
    const to = {
      ArrowLeft: () => links[at - 1],
      ArrowRight: () => links[at + 1],
      ArrowUp: () => beyond(links.slice(0, at).reverse()),
      ArrowDown: () => beyond(links.slice(at + 1)),
      Home: () => links[0],
      End: () => links[links.length - 1],
    }[event.key];
    if (to) {
      event.preventDefault();
      to()?.focus();
    } else if (event.key === "PageUp" || event.key === "PageDown") {
      const month = document.getElementById(event.key === "PageUp" ? "earlier" : "later");
      if (month) {
        event.preventDefault();
        month.click();
      }
    }
  });

  // Ticks: how many there are is told at once, and they go along to the next folder.
  const form = document.getElementById("pick");
  if (form) {
    const ticks = () => [...form.querySelectorAll("input[name=tick]:not(:disabled)")];
    const chosen = document.getElementById("chosen");
    const all = document.getElementById("all");
    const tell = () => {
      const here = ticks();
      const n = Number(chosen.dataset.elsewhere) + here.filter((tick) => tick.checked).length;
      chosen.textContent =
        n === 0 ? chosen.dataset.none : n === 1 ? chosen.dataset.one : chosen.dataset.many.replace("#", String(n));
      for (const button of form.querySelectorAll("[data-needs-ticks]")) button.disabled = n === 0;
      if (all) {
        all.checked = here.length > 0 && here.every((tick) => tick.checked);
        all.indeterminate = !all.checked && here.some((tick) => tick.checked);
      }
    };
    form.addEventListener("change", (event) => {
      if (event.target === all) for (const tick of ticks()) tick.checked = all.checked;
      tell();
    });
    form.addEventListener("click", (event) => {
      const link = event.target.closest("a[data-go]");
      const changed = ticks().some((tick) => tick.checked !== tick.defaultChecked);
      if (!link || !changed || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
      event.preventDefault();
      for (const [name, value] of Object.entries({ page: "1", ...link.dataset })) {
        const along = document.createElement("input");
        Object.assign(along, { type: "hidden", name, value });
        form.append(along);
      }
      form.requestSubmit(document.getElementById("keep"));
    });
    if (all) all.closest("[hidden]")?.removeAttribute("hidden");
    window.addEventListener("pageshow", tell);
    tell();
  }

  // The note, also after the page has shown itself anew.
  const offer = () => {
    for (const button of document.querySelectorAll("[data-copies]")) button.hidden = false;
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copies]");
    if (!button) return;
    const text = document.getElementById(button.dataset.copies);
    text.select();
    try {
      await navigator.clipboard.writeText(text.value);
    } catch {
      document.execCommand("copy");
    }
    button.textContent = button.dataset.done;
  });
  document.addEventListener("htmx:afterSettle", offer);
  offer();
})();
