// The style of report.html: light and dark, wide and narrow, screen and paper.

const light = `--ink: #1c2733; --soft: #5b6875; --paper: #fbfcfd; --card: #ffffff; --line: #dfe5ea;
  --expected: #1a7f4b; --base: #c0392b; --tuned: #1f6fb2; --alert: #9a5b00; --alert-bg: #fff6e5;`;

const dark = `--ink: #e4e9ee; --soft: #9aa7b3; --paper: #12171c; --card: #1b222a; --line: #303a44;
  --expected: #5fcf95; --base: #f0857a; --tuned: #74b6ec; --alert: #f0b95c; --alert-bg: #2c2416;`;

export const style = `
:root { ${light} }
@media screen and (prefers-color-scheme: dark) { :root { ${dark} } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1160px; margin: 0 auto; padding: 28px 20px 60px; }
h1, h2, p, dd, dt, li, figcaption { overflow-wrap: anywhere; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 4px; }
h2 { font-size: 17px; margin: 34px 0 10px; break-after: avoid; }
small, h2 small { font-size: 13px; font-weight: normal; color: var(--soft); }
section > p { break-after: avoid; margin: 8px 0 12px; color: var(--soft); font-size: 13px; }
header p { margin: 0; color: var(--soft); }
code, pre { font: 12px/1.5 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
pre { overflow-x: auto; margin: 8px 0 0; }
q { quotes: none; color: var(--ink); }
.headline dl { display: flex; flex-wrap: wrap; gap: 12px; margin: 0; }
.headline dl div { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 10px 18px; }
.headline dt { color: var(--soft); font-size: 13px; }
.headline dd { margin: 0; font-size: 28px; line-height: 1.3; font-variant-numeric: tabular-nums; }
.headline dd small { margin-left: 12px; white-space: nowrap; }
.headline .tuned dd { color: var(--tuned); }
.headline .base dd { color: var(--base); }
.trouble, .warnings { margin-top: 20px; padding: 2px 18px 12px; border: 1px solid var(--alert); border-radius: 10px; background: var(--alert-bg); }
.trouble { border-left-width: 6px; }
.trouble h2, .warnings h2 { margin: 12px 0 6px; color: var(--alert); }
.trouble p { color: var(--ink); font-size: 14px; white-space: pre-line; }
.trouble ul, .warnings ul { margin: 0; padding-left: 18px; font-size: 14px; }
.charts { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 12px; margin-top: 26px; }
.charts.small { grid-template-columns: repeat(4, minmax(0, 1fr)); margin-top: 12px; }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px; break-inside: avoid; }
figcaption { font-size: 13px; color: var(--soft); margin-bottom: 6px; }
figure svg { display: block; width: 100%; height: auto; }
figure p { margin: 6px 0 0; font-size: 12px; line-height: 1.4; color: var(--soft); }
.scroll { overflow-x: auto; margin: 0 0 12px; }
.figures { border-collapse: collapse; font-size: 14px; break-inside: avoid; }
.figures th, .figures td { padding: 4px 22px 4px 0; text-align: right; border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; white-space: nowrap; vertical-align: top; }
.figures th { font-weight: normal; color: var(--soft); }
.figures td:last-child, .figures th:last-child { padding-right: 4px; }
.figures th:first-child { text-align: left; }
.figures tr:first-child th:first-child { font-weight: 600; color: var(--ink); }
.sort button { font: inherit; color: var(--soft); background: var(--card); border: 1px solid var(--line); border-radius: 999px; padding: 2px 12px; margin-left: 4px; cursor: pointer; }
.sort button[aria-pressed="true"] { color: var(--ink); border-color: var(--tuned); }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(250px, 1fr)); gap: 12px; align-items: start; }
article { background: var(--card); border: 1px solid var(--line); border-radius: 10px; overflow: hidden; break-inside: avoid; }
.images { display: grid; grid-template-columns: repeat(auto-fit, minmax(70px, 1fr)); gap: 1px; place-items: center; background: var(--line); min-height: 150px; }
article img { display: block; max-width: 100%; max-height: 150px; background: #fff; }
.missing { color: var(--soft); padding: 10px; font-size: 13px; max-height: 150px; max-width: 100%; overflow: hidden; overflow-wrap: anywhere; }
article .head { display: flex; justify-content: space-between; margin: 8px 14px 0; font-size: 12px; color: var(--soft); }
article .head b { color: var(--ink); font-variant-numeric: tabular-nums; }
article dl { margin: 0; padding: 0 14px 14px; font-size: 14px; }
article dt { display: flex; justify-content: space-between; font-size: 12px; color: var(--soft); margin-top: 6px; }
article dt b { font-weight: normal; font-variant-numeric: tabular-nums; }
article dd { margin: 0; max-height: 14em; overflow-y: auto; unicode-bidi: isolate; }
.expected dd, span.expected { color: var(--expected); }
article .base dd, span.base { color: var(--base); }
article .tuned dd, span.tuned { color: var(--tuned); }
.facts { margin: 0; columns: 2; column-gap: 36px; font-size: 13px; }
.facts div { display: flex; gap: 14px; padding: 2px 0; border-bottom: 1px solid var(--line); break-inside: avoid; }
.facts dt { flex: 0 0 50%; color: var(--soft); }
.facts dd { margin: 0; unicode-bidi: isolate; }
@media (max-width: 900px) {
  .charts { grid-template-columns: repeat(auto-fit, minmax(260px, 1fr)); }
  .charts.small { grid-template-columns: repeat(2, minmax(0, 1fr)); }
}
@media (max-width: 620px) {
  main { padding: 18px 14px 40px; }
  .charts, .charts.small, .gallery { grid-template-columns: minmax(0, 1fr); }
  .facts { columns: 1; }
  .figures { font-size: 13px; }
  .figures th, .figures td { padding-right: 14px; }
  .headline dl { display: grid; grid-template-columns: 1fr 1fr; }
  .headline .difference { grid-column: 1 / -1; }
}
@page { margin: 14mm; }
@media print {
  :root { color-scheme: light; }
  body { background: #fff; font-size: 12px; }
  main { max-width: none; padding: 0; }
  .sort { display: none; }
  .charts { grid-template-columns: repeat(3, minmax(0, 1fr)); }
  .charts.small { grid-template-columns: repeat(4, minmax(0, 1fr)); }
  .gallery { grid-template-columns: repeat(3, minmax(0, 1fr)); }
  .facts { columns: 2; font-size: 10px; }
  .figures { font-size: 11px; }
  figcaption, figure p { font-size: 9px; }
  article dl, article dd { font-size: 11px; }
  article dd { max-height: none; overflow: visible; }
  .scroll { overflow: visible; }
}
`;
