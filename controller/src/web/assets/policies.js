// The editor of policies: it shows the line that is wrong, and keeps what is
// being typed in this browser tab until it is in place, whatever becomes of the line in between.
(() => {
  "use strict";
  const drafts = sessionStorage;
  const done = document.querySelector("[data-draft-done]");
  if (done) drafts.removeItem("draft " + done.dataset.draftDone);

  const text = document.querySelector("textarea[data-draft]");
  if (!text) return;
  const key = "draft " + text.dataset.draft;

  const line = Number(text.dataset.line);
  if (line) {
    const lines = text.value.split("\n");
    const from = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    text.focus();
    text.setSelectionRange(from, from + lines[line - 1].length);
    text.scrollTop = Math.max(0, (text.scrollHeight / lines.length) * (line - 3));
  }

  // What another page of this tab left unsaved is offered, never forced on anybody.
  const kept = drafts.getItem(key);
  const offer = document.getElementById("draft");
  if (kept !== null && kept !== text.value) {
    offer.hidden = false;
    document.getElementById("draft-take").addEventListener("click", () => {
      text.value = kept;
      offer.hidden = true;
      text.focus();
    });
    document.getElementById("draft-leave").addEventListener("click", () => {
      drafts.removeItem(key);
      offer.hidden = true;
      text.focus();
    });
  }
  text.addEventListener("input", () => {
    try {
      drafts.setItem(key, text.value);
    } catch {
      // No room: the text is still in the field.
    }
  });
})();
