// The style of report.html: light and dark, wide and narrow, screen and paper.
export const style = `
:root { --ink: #1c2733; --soft: #5b6875; --paper: #fbfcfd; --card: #ffffff; --line: #dfe5ea;
  --expected: #1a7f4b; --base: #c0392b; --tuned: #1f6fb2; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e9ee; --soft: #9aa7b3; --paper: #12171c; --card: #1b222a; --line: #303a44;
    --expected: #5fcf95; --base: #f0857a; --tuned: #74b6ec; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 26px; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 17px; margin: 34px 0 12px; }
header p { margin: 0; color: var(--soft); overflow-wrap: anywhere; }
.headline dl { display: flex; flex-wrap: wrap; gap: 14px; margin: 0; }
.headline div { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 10px 18px; }
.headline dt { color: var(--soft); font-size: 13px; }
.headline dd { margin: 0; font-size: 26px; font-variant-numeric: tabular-nums; }
.headline .tuned dd { color: var(--tuned); }
.headline .base dd { color: var(--base); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 14px; margin-top: 26px; }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px; }
figcaption { font-size: 13px; color: var(--soft); margin-bottom: 6px; }
figure svg { width: 100%; height: auto; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(250px, 1fr)); gap: 14px; }
article { background: var(--card); border: 1px solid var(--line); border-radius: 10px; overflow: hidden; break-inside: avoid; }
article img, .missing { display: block; width: 100%; height: 150px; object-fit: contain; background: #fff; }
.missing { display: grid; place-items: center; color: #5b6875; padding: 10px; overflow-wrap: anywhere; }
article dl { margin: 0; padding: 10px 14px 14px; font-size: 14px; overflow-wrap: anywhere; }
article dt { font-size: 12px; color: var(--soft); margin-top: 6px; }
article dd { margin: 0; }
.expected dd { color: var(--expected); }
article .base dd { color: var(--base); }
article .tuned dd { color: var(--tuned); }
.settings { border-collapse: collapse; font-size: 13px; width: 100%; }
.settings th { text-align: left; font-weight: normal; color: var(--soft); padding: 3px 14px 3px 0; white-space: nowrap; vertical-align: top; }
.settings td { overflow-wrap: anywhere; padding: 3px 0; border-bottom: 1px solid var(--line); }
.settings th { border-bottom: 1px solid var(--line); }
@media print { body { background: #fff; } main { max-width: none; padding: 0; } figure, article { break-inside: avoid; } }
`;
