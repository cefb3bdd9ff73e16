"use strict";
// Sorts tables by their headings, and filters the stacks. Without it the page shows the same.
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const heading = button.closest("th");
    const table = heading.closest("table");
    const column = [...heading.parentNode.children].indexOf(heading);
    const down = heading.getAttribute("aria-sort") === "ascending";
    for (const other of heading.parentNode.children) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const value = (row) => row.children[column].dataset.sort ?? row.children[column].textContent.trim();
    const compare = new Intl.Collator(undefined, { numeric: true }).compare;
    const rows = [...table.tBodies[0].rows].sort((a, b) => (down ? -1 : 1) * compare(value(a), value(b)));
    table.tBodies[0].append(...rows);
  });
}
const form = document.querySelector("form.filter");
if (form) {
  form.hidden = false;
  const rows = [...document.querySelectorAll("#stacks tbody tr")];
  const said = form.querySelector("output");
  const filter = () => {
    const words = form.elements.words.value.toLowerCase();
    const states = [...form.querySelectorAll("input:checked")].map((box) => box.value);
    let shown = 0;
    for (const row of rows) {
      const isShown = states.includes(row.dataset.state) && row.textContent.toLowerCase().includes(words);
      row.hidden = !isShown;
      shown += isShown;
    }
    said.textContent = shown + " of " + rows.length + " stacks shown";
  };
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();
}
