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

// The value of a column of a chart: of the one under the pointer, or the one that the arrow keys select. Without this
// script the browser shows the value when it hovers, and the table has all of them.
const STEPS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };
const selectedColumns = new Map();

function showColumn(chart, column) {
  const columns = [...chart.querySelectorAll(".hit")];
  const shown = columns[column];
  columns.forEach((each) => each.classList.toggle("shown", each === shown));
  const value = chart.parentElement.querySelector(".value");
  value.classList.toggle("shown", shown !== undefined);
  value.textContent = shown ? shown.querySelector("title").textContent : value.dataset.hint;
}

function selectColumn(chart, column) {
  const columns = chart.querySelectorAll(".hit");
  const last = columns.length - 1;
  const selected = Math.min(Math.max(column, 0), last);
  selectedColumns.set(chart.id, selected);
  chart.setAttribute("aria-valuenow", selected);
  chart.setAttribute("aria-valuetext", columns[selected].querySelector("title").textContent);
  showColumn(chart, selected);
}

function prepareChart(chart) {
  const last = chart.querySelectorAll(".hit").length - 1;
  const selected = () => Math.min(selectedColumns.get(chart.id) ?? last, last);
  chart.setAttribute("role", "slider");
  chart.setAttribute("tabindex", "0");
  chart.setAttribute("aria-valuemin", 0);
  chart.setAttribute("aria-valuemax", last);
  chart.setAttribute("aria-valuenow", selected());
  chart.setAttribute("aria-valuetext", chart.querySelectorAll(".hit title")[selected()].textContent);
  showColumn(chart, undefined);
  chart.addEventListener("focus", () => selectColumn(chart, selected()));
  chart.addEventListener("blur", () => showColumn(chart, undefined));
  chart.addEventListener("keydown", (event) => {
    const next = event.key in STEPS ? selected() + STEPS[event.key] : { Home: 0, End: last }[event.key];
    if (next !== undefined) {
      event.preventDefault();
      selectColumn(chart, next);
    }
  });
  chart.addEventListener("pointerover", (event) => {
    showColumn(chart, [...chart.querySelectorAll(".hit")].indexOf(event.target));
  });
  chart.addEventListener("pointerleave", () => {
    showColumn(chart, document.activeElement === chart ? selected() : undefined);
  });
  if (chart.id === focusedChart) {
    chart.focus({ preventScroll: true });
  }
}

// The charts are replaced every ten seconds; the one with the focus keeps it.
let focusedChart = "";
document.body.addEventListener("htmx:beforeSwap", () => {
  focusedChart = document.activeElement.matches(".chart > svg") ? document.activeElement.id : "";
});
document.body.addEventListener("htmx:load", (event) => {
  event.detail.elt.querySelectorAll(".chart > svg").forEach(prepareChart);
});
