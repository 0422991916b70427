"use strict";

// The button that selects the next theme.
const themeButton = document.getElementById("theme");

function nameTheme() {
  themeButton.textContent = `Theme: ${chosenTheme()}`;
}

themeButton.addEventListener("click", () => {
  const next = THEMES[(THEMES.indexOf(chosenTheme()) + 1) % THEMES.length];
  try {
    localStorage.setItem("mergelane-theme", next);
  } catch {
    // Without local storage the theme applies to this page only.
  }
  applyTheme(next);
  nameTheme();
});
nameTheme();
themeButton.hidden = false;

// A hidden page does not poll. It reloads its parts when it becomes visible.
document.body.addEventListener("htmx:confirm", (event) => {
  if (document.hidden && event.detail.verb === "get") {
    event.preventDefault();
  }
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) {
    document.querySelectorAll(".live[hx-get]").forEach((part) => htmx.trigger(part, "refresh"));
  }
});

// Report that the server does not answer.
const connection = document.getElementById("connection");
document.body.addEventListener("htmx:afterRequest", (event) => {
  connection.hidden = event.detail.successful;
});
