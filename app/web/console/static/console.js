"use strict";

// The button that goes through the themes.
const themeButton = document.getElementById("theme");

function nameTheme() {
  themeButton.textContent = `Theme: ${chosenTheme()}`;
}

themeButton.addEventListener("click", () => {
  const next = THEMES[(THEMES.indexOf(chosenTheme()) + 1) % THEMES.length];
  try {
    localStorage.setItem("mergelane-theme", next);
  } catch {
    // A browser that keeps nothing shows it for this page alone.
  }
  show(next);
  nameTheme();
});
nameTheme();
themeButton.hidden = false;

// Nobody looks at a hidden page: it asks for nothing, and at once when it is seen again.
document.body.addEventListener("htmx:confirm", (event) => {
  if (document.hidden && event.detail.verb === "get") {
    event.preventDefault();
  }
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) {
    document.querySelectorAll(".live[hx-get]").forEach((part) => htmx.trigger(part, "look"));
  }
});

// A page that cannot be brought up to date says so.
const connection = document.getElementById("connection");
document.body.addEventListener("htmx:afterRequest", (event) => {
  connection.hidden = event.detail.successful;
});
