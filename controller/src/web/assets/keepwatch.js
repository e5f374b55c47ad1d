// What the page does by itself: it tells times in the reader's own zone, keeps what somebody
// has opened or is typing through a refresh, and says so when it no longer hears of changes.
(() => {
  "use strict";
  const language = document.documentElement.lang;
  const zoned = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "long" });

  const localise = (root) => {
    for (const time of root.querySelectorAll("time[datetime]")) {
      time.title = zoned.format(new Date(time.dateTime));
    }
  };

  const typing = (region) =>
    region.contains(document.activeElement) && document.activeElement.matches("input, textarea") ||
    [...region.querySelectorAll("input, textarea")].some((field) => field.value !== field.defaultValue);

  // What has the focus, so that it has it again: by its id, or as the link that it is.
  const place = (region) => {
    const at = document.activeElement;
    if (!region.contains(at)) return "";
    const href = at.getAttribute("href");
    return at.id ? `#${CSS.escape(at.id)}` : href ? `a[href="${CSS.escape(href)}"]` : "";
  };

  let opened = [];
  let focused = "";
  let missed = false;

  document.addEventListener("htmx:beforeSwap", (event) => {
    const region = event.detail.target;
    if (region.id !== "live") return;
    missed = typing(region);
    if (missed) event.detail.shouldSwap = false;
    opened = [...region.querySelectorAll("details[open][id]")].map((details) => details.id);
    focused = place(region);
  });

  document.addEventListener("htmx:afterSettle", () => {
    for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
    if (focused) document.querySelector(focused)?.focus({ preventScroll: true });
    opened = [];
    focused = "";
    localise(document);
  });

  // Once the typing is over, the page catches up.
  document.addEventListener("focusout", () => setTimeout(() => {
    const region = document.getElementById("live");
    if (missed && region && !typing(region)) htmx.trigger(region, "sse:change");
  }));

  const say = (banner, is) => {
    const there = document.getElementById(banner);
    if (there) there.hidden = !is;
  };
  const stale = (is) => say("stale", is);
  document.addEventListener("htmx:sseOpen", () => stale(false));
  document.addEventListener("htmx:sseError", () => stale(true));
  document.addEventListener("htmx:sendError", () => stale(true));
  // What comes back as an error leaves the page as it was; the next good answer brings it up to date.
  document.addEventListener("htmx:responseError", () => stale(true));
  document.addEventListener("htmx:afterSwap", () => stale(false));

  // A session that ends takes nobody's unsent words with it: sending them asks to log in, and they
  // come along.
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    if (event.detail.xhr.status !== 401 || !typing(document.getElementById("content"))) return;
    event.preventDefault();
    say("ended", true);
  });

  // Where it is narrow, a button shows and hides the ways to the pages.
  const menu = document.getElementById("menu");
  menu?.addEventListener("click", () => {
    const open = document.getElementById("ways").classList.toggle("open");
    menu.setAttribute("aria-expanded", String(open));
  });

  // A button pressed twice is one wish; what only asks for a page or a file may be asked again.
  const AGAIN = 5000;
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) event.preventDefault();
    else setTimeout(() => delete form.dataset.sent, AGAIN);
    form.dataset.sent = "1";
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.forms) delete form.dataset.sent;
  });

  localise(document);
})();
