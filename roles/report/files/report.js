/* Filters of the page. Without this script everything is simply shown. */
"use strict";
(function () {
  const FIRST = 100; // rows that are shown until more are asked for

  function Sheet(name) {
    const table = document.getElementById("table-" + name);
    const controls = Array.from(document.querySelectorAll('[data-filter="' + name + '"]'));
    const buttons = Array.from(document.querySelectorAll('button[data-sheet="' + name + '"]'));
    const status = document.querySelector('[data-count="' + name + '"]');
    const more = document.querySelector('[data-more="' + name + '"]');
    const clear = document.querySelector('[data-clear="' + name + '"]');
    const rows = Array.from(table.tBodies[0].rows, row => ({
      row, data: row.dataset, text: row.textContent.toLowerCase().replace(/\s+/g, " "),
    }));
    const picked = new Map(); // what buttons ask for: key -> value
    let limit = FIRST;

    const fits = (item, control) => {
      const value = control.value.trim();
      if (!value) return true;
      if (control.dataset.key !== "text") return item.data[control.dataset.key] === value;
      return value.toLowerCase().split(/\s+/).every(word => item.text.includes(word));
    };

    // A button and a list may ask for the same thing; then the list knows it.
    const listOf = button => controls.find(control => control.dataset.key === button.dataset.key);
    const pressed = button => (listOf(button) ? listOf(button).value : picked.get(button.dataset.key)) === button.dataset.value;

    function toggle(button) {
      const list = listOf(button), value = pressed(button) ? "" : button.dataset.value;
      if (list) list.value = value;
      else if (value) picked.set(button.dataset.key, value);
      else picked.delete(button.dataset.key);
      changed();
      if (value && button.dataset.jump) document.getElementById(button.dataset.jump).scrollIntoView({ block: "start" });
    }

    function apply(all) {
      let matching = 0, shown = 0;
      for (const item of rows) {
        const fit = controls.every(control => fits(item, control))
          && Array.from(picked).every(([key, value]) => item.data[key] === value);
        matching += fit;
        const visible = fit && (all || matching <= limit);
        shown += visible;
        item.row.hidden = !visible;
      }
      const filtered = picked.size > 0 || controls.some(control => control.value.trim());
      status.textContent = (matching === rows.length ? rows.length.toLocaleString("en") + " in all"
        : matching.toLocaleString("en") + " of " + rows.length.toLocaleString("en"))
        + (shown < matching ? ", the first " + shown.toLocaleString("en") + " shown" : "");
      more.hidden = shown >= matching;
      more.textContent = "Show all " + matching.toLocaleString("en");
      clear.hidden = !filtered;
      for (const button of buttons) button.setAttribute("aria-pressed", String(pressed(button)));
    }

    function changed() {
      limit = FIRST;
      apply(false);
    }

    for (const control of controls) control.addEventListener("input", changed);
    for (const button of buttons) button.addEventListener("click", () => toggle(button));
    more.addEventListener("click", () => {
      const next = rows.find(item => item.row.hidden);
      limit = Infinity;
      apply(false);
      if (next) {
        next.row.tabIndex = -1;
        next.row.focus({ preventScroll: true });
      }
    });
    clear.addEventListener("click", () => {
      picked.clear();
      for (const control of controls) control.value = "";
      changed();
      (controls[controls.length - 1] || more).focus();
    });
    window.addEventListener("beforeprint", () => apply(true));
    window.addEventListener("afterprint", () => apply(false));
    apply(false);
  }

  for (const element of document.querySelectorAll(".scripted")) element.hidden = false;
  for (const name of ["findings", "fleet"]) {
    if (document.getElementById("table-" + name)) Sheet(name);
  }
})();
