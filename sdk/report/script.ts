// The one script of report.html: it puts the cards of the gallery in another order.

/** Runs in the reader's browser; a second press on a button turns the order around. */
export const script = `
const gallery = document.querySelector(".gallery");
const buttons = [...document.querySelectorAll(".sort button")];
let order = buttons[0]?.dataset.key;
let sign = order === "row" ? 1 : -1;
for (const button of buttons)
  button.addEventListener("click", () => {
    const { key } = button.dataset;
    sign = key === order ? -sign : key === "row" ? 1 : -1;
    order = key;
    const of = (card, name) => Number(card.dataset[name]);
    gallery.append(
      ...[...gallery.children].sort(
        (a, b) => sign * (of(a, key) - of(b, key)) || of(a, "row") - of(b, "row"),
      ),
    );
    for (const one of buttons) one.setAttribute("aria-pressed", one === button);
  });
for (const controls of document.querySelectorAll(".sort")) controls.hidden = false;
`;
