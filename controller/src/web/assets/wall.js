// A screen that nobody sits at must not lie: where nothing new has come for a while, it says so,
// whatever the reason. And it tells the time of where it hangs.
(() => {
  "use strict";
  // The controller tells of itself every half a minute, even where nothing has changed.
  const longest = 90_000;
  const clock = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "medium" });
  let heard = Date.now();

  const tell = () => {
    const time = document.getElementById("as-of");
    if (time) time.textContent = clock.format(new Date(time.dateTime));
  };
  const look = () => {
    const stale = Date.now() - heard > longest;
    if (stale) document.getElementById("stale").hidden = false;
    document.documentElement.classList.toggle("old", !document.getElementById("stale").hidden);
  };

  document.addEventListener("htmx:afterSettle", () => {
    heard = Date.now();
    document.getElementById("stale").hidden = true;
    tell();
    look();
  });
  for (const event of ["htmx:sseError", "htmx:sendError", "htmx:responseError", "htmx:sseOpen"]) {
    document.addEventListener(event, () => setTimeout(look));
  }
  setInterval(look, 5_000);
  tell();
})();
