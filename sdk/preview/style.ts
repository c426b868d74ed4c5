// The style of a preview inside somebody else's page: every rule is bound to its own class.

const root = ".captune-preview";

const light = `--ink: #1c2733; --soft: #5b6875; --paper: #fbfcfd; --card: #ffffff; --line: #dfe5ea;
  --image: #8250df; --image-bg: #f1eafc; --answer: #14703f; --answer-bg: #dcf3e5; --end: #0b6b74; --end-bg: #d8f0f2;
  --prompt: #41505e; --prompt-bg: #eef1f4; --pad: #75818c; --pad-bg: #f4f5f6;`;

const dark = `--ink: #e4e9ee; --soft: #9aa7b3; --paper: #12171c; --card: #1b222a; --line: #303a44;
  --image: #c4a5fa; --image-bg: #33274a; --answer: #7fe0ac; --answer-bg: #173b29; --end: #74d5de; --end-bg: #12393d;
  --prompt: #b5c1cc; --prompt-bg: #27313a; --pad: #86929d; --pad-bg: #20272e;`;

/**
 * The reader's system decides, unless the page is a notebook of JupyterLab or VS Code with a theme of its own. Colours of
 * tokens win over those that a notebook writes beside them, for where it takes this style away.
 */
const rules = `
& { ${light}
  color-scheme: light dark; background: var(--paper); color: var(--ink); font: 14px/1.5 system-ui, sans-serif;
  padding: 16px; max-width: 1120px; text-align: left; }
@media (prefers-color-scheme: dark) {
  & { ${dark} }
}
[data-jp-theme-light="true"] &, .vscode-light & { ${light} color-scheme: light; }
[data-jp-theme-light="false"] &, .vscode-dark & { ${dark} color-scheme: dark; }
& * { box-sizing: border-box; }
& .legend { display: flex; flex-wrap: wrap; gap: 6px 14px; margin: 0 0 12px; color: var(--soft); font-size: 13px; align-items: center; }
& .row { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 16px 14px; margin: 0 0 14px; break-inside: avoid; }
& .head { display: flex; flex-wrap: wrap; gap: 2px 12px; align-items: baseline; margin: 0 0 8px; }
& .head b { font-weight: 600; }
& .place { overflow-wrap: anywhere; unicode-bidi: isolate; }
& .count { color: var(--soft); margin-left: auto; font-variant-numeric: tabular-nums; }
& .bar { display: flex; height: 6px; border-radius: 3px; overflow: hidden; margin: 0 0 10px; background: var(--line); }
& .bar i { display: block; min-width: 2px; background: currentColor; }
& .text { font: 13px/1.75 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
& .span { padding: 1px 3px; border-radius: 4px; box-decoration-break: clone; -webkit-box-decoration-break: clone; unicode-bidi: isolate; }
& .trained { font-weight: 700; text-decoration: underline; text-underline-offset: 3px; }
& .image { color: var(--image) !important; } & .span.image { background: var(--image-bg); }
& .prompt { color: var(--prompt) !important; } & .span.prompt { background: var(--prompt-bg); }
& .answer { color: var(--answer) !important; } & .span.answer { background: var(--answer-bg); }
& .end { color: var(--end) !important; } & .span.end { background: var(--end-bg); }
& .pad { color: var(--pad) !important; } & .span.pad { background: var(--pad-bg); }
& .references { margin: 8px 0 0; color: var(--soft); font-size: 13px; overflow-wrap: anywhere; }
& .references q { quotes: none; color: var(--ink); unicode-bidi: isolate; }
& .references q + q::before { content: "| "; color: var(--soft); }
& .pictures { display: flex; flex-wrap: wrap; gap: 14px 26px; margin: 12px 0 0; }
& figure { margin: 0; min-width: 0; max-width: 100%; }
& figcaption { font-size: 12px; color: var(--soft); margin: 0 0 6px; overflow-wrap: anywhere; unicode-bidi: isolate; }
& .views { display: flex; flex-wrap: wrap; gap: 10px; align-items: flex-start; }
& .grid { display: grid; gap: 2px; max-width: 100%; overflow-x: auto; }
& img, & .missing { display: block; width: 100%; height: 100%; margin: 0; max-width: none; object-fit: contain; background: #fff; border: 1px solid var(--line); }
& .missing { display: grid; place-items: center; color: #5b6875; font-size: 11px; padding: 4px; overflow: hidden; overflow-wrap: anywhere; }
& .view { aspect-ratio: 1; }
& .scroll { overflow-x: auto; margin: 0 0 14px; }
& table { border-collapse: collapse; font: inherit; font-size: 13px; color: inherit; margin: 0; }
& caption { text-align: left; font-weight: 600; padding: 0 0 4px; color: var(--ink); }
& th, & td { text-align: left; padding: 3px 18px 3px 0; border: 0; border-bottom: 1px solid var(--line); background: none; color: inherit; white-space: nowrap; font-variant-numeric: tabular-nums; }
& th { color: var(--soft); font-weight: normal; }
& .number { text-align: right; }
`;

export const style = rules.replaceAll("&", root);
