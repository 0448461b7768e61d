// Makes pages quicker to use. They work without it: each step here is a link or a button as well.
"use strict";

for (const field of document.querySelectorAll("[data-submit]")) {
  field.addEventListener("change", () => {
    if (field.name === "domain") field.form.elements.mailbox.value = "";
    field.form.requestSubmit(field.form.querySelector("button.primary"));
  });
}

// Addresses stay short: what is empty says nothing.
for (const form of document.querySelectorAll("form.filters")) {
  form.addEventListener("submit", () => {
    for (const field of form.elements) {
      if (field.name && !field.value) field.disabled = true;
    }
  });
  addEventListener("pageshow", () => {
    for (const field of form.elements) field.disabled = false;
  });
}

// Bars are left and entered with the arrow keys; Tab passes the chart in one step.
for (const drawing of document.querySelectorAll(".chart svg")) {
  const bars = [...drawing.querySelectorAll("a.bar")];
  bars.forEach((bar, index) => {
    bar.setAttribute("tabindex", index ? "-1" : "0");
    bar.addEventListener("keydown", (event) => {
      const to = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: bars.length - 1 }[event.key];
      if (to === undefined || !bars[to]) return;
      event.preventDefault();
      bar.setAttribute("tabindex", "-1");
      bars[to].setAttribute("tabindex", "0");
      bars[to].focus();
    });
  });
}

// Progress looks again by itself; when the server leads back to the figures, so does the page.
const look = async () => {
  const shown = document.querySelector("#progress[data-poll]");
  if (!shown) return;
  try {
    const answer = await fetch(shown.dataset.poll, { headers: { Accept: "text/html" } });
    if (answer.redirected) return void location.replace(answer.url);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const found = answer.ok && fresh.querySelector("#progress");
    if (found) shown.replaceWith(found);
  } catch {
    // The collector restarts, or the network is away: look again.
  }
  setTimeout(look, 1000);
};
setTimeout(look, 500);

for (const draft of document.querySelectorAll("pre[data-copy]")) {
  if (!navigator.clipboard) break;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = draft.dataset.copy;
  button.addEventListener("click", () => navigator.clipboard.writeText(draft.textContent));
  draft.after(button);
}
