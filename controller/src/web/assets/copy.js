// Copies a line that is to be pasted elsewhere. Without scripts it is marked and copied by hand.
(() => {
  "use strict";
  for (const button of document.querySelectorAll("[data-copy]")) {
    const line = document.getElementById(button.dataset.copy);
    button.hidden = false;
    const label = button.textContent;
    const mark = () => {
      const range = document.createRange();
      range.selectNodeContents(line);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
    };
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(line.textContent);
        button.textContent = button.dataset.done;
        setTimeout(() => { button.textContent = label; }, 2000);
      } catch {
        // The browser does not let pages: it is marked, and one key copies it.
        mark();
      }
    });
  }
})();
