"use strict";

// Runs before the page is drawn, so that it is not drawn in another theme first.
const THEMES = ["system", "light", "dark"];

function chosenTheme() {
  try {
    const kept = localStorage.getItem("mergelane-theme");
    return THEMES.includes(kept) ? kept : "system";
  } catch {
    return "system";
  }
}

function show(theme) {
  if (theme === "system") {
    delete document.documentElement.dataset.theme;
  } else {
    document.documentElement.dataset.theme = theme;
  }
}

show(chosenTheme());
