"use strict";

// Runs before the browser draws the page, which would otherwise appear in another theme first.
const THEMES = ["system", "light", "dark"];

function chosenTheme() {
  try {
    const stored = localStorage.getItem("mergelane-theme");
    return THEMES.includes(stored) ? stored : "system";
  } catch {
    return "system";
  }
}

function applyTheme(theme) {
  if (theme === "system") {
    delete document.documentElement.dataset.theme;
  } else {
    document.documentElement.dataset.theme = theme;
  }
}

applyTheme(chosenTheme());
