// What pages of reports have in common: the frame, the style sheet, and the script for switches and for the pointer.
import { escapeHtml } from './report-chart.ts';

const style = `
:root { color-scheme: light dark; --paper: #f6f7f9; --panel: #fff; --ink: #1c2430; --soft: #5f6b7a; --rule: #e3e7ec;
  --training: #2563c9; --validation: #d2490e; --bright: .55; --good: #23864b; --high: #c8401b; --low: #2457b8; --zero: #f3f3f1;
  --shade: 0 1px 2px rgb(20 30 50 / .06), 0 4px 16px rgb(20 30 50 / .05); }
@media (prefers-color-scheme: dark) { :root { --paper: #11151b; --panel: #191f27; --ink: #e6eaf0; --soft: #97a3b3; --rule: #2b333e;
  --training: #71a8ff; --validation: #ff9d5c; --bright: .76; --good: #5cc98a; --high: #ff8a5c; --low: #6aa3ff; --zero: #10141a; --shade: none; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Open Sans", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 32px 24px 56px; display: grid; gap: 20px; }
h1 { margin: 0; font-size: 26px; line-height: 1.2; letter-spacing: -.01em; }
h2 { margin: 0; font-size: 16px; }
header p { margin: 4px 0 0; color: var(--soft); }
.note { border-left: 3px solid var(--validation); padding-left: 12px; color: var(--ink); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 0; }
.tiles > div, .panel, .chart { background: var(--panel); border: 1px solid var(--rule); border-radius: 10px; box-shadow: var(--shade); }
.tiles > div { padding: 14px 16px; }
.tiles dt { color: var(--soft); font-size: 13px; }
.tiles dd { margin: 2px 0 0; font-size: 24px; font-weight: 600; line-height: 1.2; font-variant-numeric: tabular-nums; white-space: nowrap; }
.tiles small { display: block; font-size: 12.5px; font-weight: 400; color: var(--soft); margin-top: 3px; white-space: normal; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr)); gap: 20px; align-items: start; }
.pair > .chart { align-self: stretch; }
.panel { padding: 16px 18px 18px; min-width: 0; }
.panel > p { margin: 2px 0 14px; color: var(--soft); font-size: 13px; }
.chart { margin: 0; padding: 16px 18px 12px; min-width: 0; }
.chart figcaption, .head { display: flex; flex-wrap: wrap; gap: 4px 18px; align-items: baseline; justify-content: space-between; }
.chart figcaption { margin-bottom: 12px; }
.chart figcaption p { margin: 0; flex-basis: 100%; color: var(--soft); font-size: 13px; }
.chart .legend { flex-basis: 100%; }
.trio { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 280px), 1fr)); gap: 20px; }
.switch { display: flex; border: 1px solid var(--rule); border-radius: 7px; overflow: hidden; }
.switch button { font: inherit; font-size: 12.5px; border: 0; padding: 2px 10px; background: none; color: var(--soft); cursor: pointer; }
.switch button[aria-pressed=true] { background: var(--rule); color: var(--ink); }
.switch button:focus-visible { outline: 2px solid var(--training); outline-offset: -2px; }
.findings { margin: 8px 0 0; padding: 0; list-style: none; display: grid; gap: 6px; }
.findings li { padding-left: 26px; position: relative; }
.findings li::before { position: absolute; left: 0; top: 3px; width: 17px; height: 17px; border-radius: 50%; color: var(--panel); background: var(--good); content: "✓"; font-size: 12px; line-height: 17px; text-align: center; font-weight: 700; }
.findings .fault::before { background: var(--validation); content: "!"; }
h3 { margin: 14px 0 0; font-size: 14px; font-weight: 600; } h3 small, th small { font-weight: 400; color: var(--soft); font-size: 12px; }
.run::before { content: ""; display: inline-block; width: 10px; height: 10px; border-radius: 50%; background: var(--c); margin-right: 6px; }
header .run { margin-right: 12px; color: var(--ink); }
.layers td, .layers th + th, .runs td, .runs th + th { text-align: right; white-space: nowrap; } .runs tr:first-child th { text-align: right; color: var(--ink); }
.layers td { position: relative; } .bar { display: block; height: 4px; margin: 3px 0 0 auto; width: 72px; background: linear-gradient(to right, var(--training) var(--w), var(--rule) var(--w)); border-radius: 2px; }
.ridges { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 320px), 1fr)); gap: 10px 28px; }
.layer { min-width: 0; display: grid; grid-template-columns: 1fr 1fr; gap: 4px 14px; align-content: start; } .layer h3 { grid-column: 1 / -1; margin: 4px 0 0; }
.ridge svg { display: block; width: 100%; border-bottom: 1px solid var(--rule); }
.ridge path { stroke: color-mix(in oklab, var(--training) var(--age), var(--rule)); fill: color-mix(in oklab, var(--panel) 86%, var(--training)); stroke-width: 1; vector-effect: non-scaling-stroke; }
.ridge div { display: flex; justify-content: space-between; gap: 6px; font-size: 11px; color: var(--soft); font-variant-numeric: tabular-nums; } .ridge i { font-style: normal; } .ridge b { font-weight: 400; }
.legend { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: 2px 14px; font-size: 13px; color: var(--soft); }
.legend li::before { content: ""; display: inline-block; width: 16px; height: 0; border-top: 2.5px solid var(--c); vertical-align: middle; margin-right: 6px; border-radius: 2px; }
.legend li.faint::before { opacity: .35; } .legend li.thin::before { border-top-width: 1.5px; } .legend li.more::before { display: none; }
.legend li.marked::before { width: 9px; height: 9px; border: 0; border-radius: 50%; background: var(--c); }
.plot { display: grid; grid-template: "yl yt area" 300px ". . xt" 22px ". . xl" auto / 20px 46px minmax(0, 1fr); font-size: 12px; color: var(--soft); }
.plot b { font-weight: 400; text-align: center; }
.y-label { grid-area: yl; writing-mode: vertical-rl; transform: rotate(180deg); }
.x-label { grid-area: xl; }
.y-ticks { grid-area: yt; position: relative; } .x-ticks { grid-area: xt; position: relative; }
.plot i { font-style: normal; position: absolute; font-variant-numeric: tabular-nums; white-space: nowrap; }
.y-ticks i { right: 8px; transform: translateY(50%); line-height: 1; }
.x-ticks i { top: 8px; transform: translateX(-50%); line-height: 1; }
.area { grid-area: area; position: relative; touch-action: pan-y; cursor: crosshair; }
.area svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: visible; clip-path: inset(-6px -6px 0 -6px); }
.area path { fill: none; stroke: var(--c); vector-effect: non-scaling-stroke; stroke-linejoin: round; stroke-linecap: round; }
.area .grid { stroke: var(--rule); stroke-width: 1; shape-rendering: crispEdges; }
.area .faint { stroke-width: 1; opacity: .35; } .area .line { stroke-width: 2.25; } .area .thin { stroke-width: 1.4; } .area .mark { stroke: var(--ink); stroke-width: 1.25; stroke-dasharray: 5 4; }
.area .marked { stroke-width: 2; } .area .dot { stroke-width: 9; }
.small .plot { grid-template-rows: 130px 22px auto; }
.cursor { position: absolute; top: 0; bottom: 0; width: 1px; background: var(--soft); pointer-events: none; }
.tip { position: absolute; top: 8px; padding: 6px 9px; background: var(--panel); color: var(--ink); border: 1px solid var(--rule); border-radius: 6px;
  box-shadow: 0 2px 10px rgb(0 0 0 / .18); pointer-events: none; white-space: nowrap; line-height: 1.45; }
.tip span { display: block; } .tip span + span::before { content: ""; display: inline-block; width: 8px; height: 8px; border-radius: 50%; background: var(--c); margin-right: 6px; }
.stack { display: grid; gap: 20px; min-width: 0; align-content: start; align-self: stretch; }
.stack:has(> .chart) { align-content: stretch; grid-template-rows: 1fr; } .stack > .chart { display: flex; flex-direction: column; }
.stack > .chart .pane:not([hidden]) { flex: 1; display: grid; } .stack > .chart .plot { grid-template-rows: minmax(300px, 1fr) 22px auto; }
.filters { display: grid; grid-template-columns: repeat(4, 1fr); gap: 12px; }
.filters.many { grid-template-columns: repeat(8, 1fr); gap: 6px; }
.filters svg { display: block; width: 100%; border: 1px solid var(--rule); border-radius: 4px; }
.filters rect { shape-rendering: crispEdges; fill: color-mix(in oklab, var(--c) var(--p), var(--zero)); }
.filters .high { --c: var(--high); } .filters .low { --c: var(--low); }
.scale { display: flex; align-items: center; gap: 10px; margin-top: 14px; font-size: 12px; color: var(--soft); font-variant-numeric: tabular-nums; }
.scale span { flex: 0 1 220px; height: 10px; border-radius: 5px; border: 1px solid var(--rule); background: linear-gradient(in oklab to right, var(--low), var(--zero), var(--high)); }
.scroll { overflow-x: auto; --hint: color-mix(in oklab, var(--ink) 22%, transparent); background: linear-gradient(to left, var(--panel) 40%, transparent) right / 48px 100% no-repeat local, linear-gradient(to left, var(--hint), transparent) right / 14px 100% no-repeat; }
.scroll tr > :first-child { position: sticky; left: 0; z-index: 1; background: var(--panel); }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; margin-top: 8px; }
th, td { padding: 6px 10px 6px 0; text-align: left; border-bottom: 1px solid var(--rule); white-space: nowrap; }
td { overflow-wrap: anywhere; white-space: normal; }
tr:last-child > * { border-bottom: 0; }
th { font-weight: 500; color: var(--soft); }
.epochs th, .epochs td { text-align: right; white-space: nowrap; vertical-align: bottom; } .epochs th { white-space: normal; } .epochs th:first-child, .epochs td:first-child { text-align: left; } .epochs td + td, .epochs th + th { padding-left: 8px; }
@media (max-width: 560px) { main { padding: 20px 12px 40px; } main, .pair, .stack { gap: 14px; } .plot { grid-template-rows: 230px 22px auto; grid-template-columns: 18px 42px minmax(0, 1fr); }
  .small .plot { grid-template-rows: 110px 22px auto; }
  .scroll tr > :first-child { box-shadow: 1px 0 var(--rule); } .panel, .chart { padding: 14px 12px; } .trio { gap: 14px; } .tiles { grid-template-columns: 1fr 1fr; } .tiles dd { font-size: 20px; }
  .epochs { font-size: 11.5px; } .epochs th, .epochs td { padding-right: 2px; } .epochs td + td, .epochs th + th { padding-left: 4px; } .epochs :last-child { padding-right: 0; } }
@media print { body { background: none; } .panel, .chart, .tiles > div { break-inside: avoid; box-shadow: none; } }
`;

/** For the switches of charts, and for the pointer on them. */
const chartScript = `
for (const buttons of document.querySelectorAll('.switch')) {
  const panes = buttons.closest('.chart, .panel').querySelectorAll('.pane');
  [...buttons.children].forEach((button, chosen) => {
    button.addEventListener('click', () => {
      [...buttons.children].forEach((other, i) => other.setAttribute('aria-pressed', i === chosen));
      panes.forEach((pane, i) => { pane.hidden = i !== chosen; });
    });
  });
}
for (const plot of document.querySelectorAll('.plot')) {
  const area = plot.querySelector('.area');
  const series = JSON.parse(plot.dataset.series);
  const element = (name) => Object.assign(document.createElement('div'), { className: name, hidden: true });
  const [cursor, tip] = [element('cursor'), element('tip')];
  area.append(cursor, tip);
  const nearest = (points, at) => points.reduce((a, b) => (Math.abs(b[0] - at) < Math.abs(a[0] - at) ? b : a));
  area.addEventListener('pointermove', (event) => {
    const box = area.getBoundingClientRect();
    const [main] = series;
    if (!main) return;
    const [at, x] = nearest(main.points, (event.clientX - box.left) / box.width);
    const row = (text) => Object.assign(document.createElement('span'), { textContent: text });
    const rows = [row(x)];
    for (const { name, color, points } of series) {
      const point = nearest(points, at);
      if (Math.abs(point[0] - at) > 0.04) continue;
      rows.push(row(name + ' ' + point[2]));
      rows.at(-1).style.setProperty('--c', color);
    }
    tip.replaceChildren(...rows);
    cursor.hidden = tip.hidden = false;
    cursor.style.left = 100 * at + '%';
    tip.style.left = at < 0.5 ? 'calc(' + 100 * at + '% + 10px)' : 'auto';
    tip.style.right = at < 0.5 ? 'auto' : 'calc(' + 100 * (1 - at) + '% + 10px)';
  });
  area.addEventListener('pointerleave', () => {
    cursor.hidden = tip.hidden = true;
  });
}
`;

/** A whole page, self-contained: with the style sheet and more of it, and a script. */
export const page = (
  title: string,
  body: string,
  { style: more = '', script = chartScript } = {},
): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${style}${more}</style>
</head>
<body>
<main>
${body}
</main>
<script>${script}</script>
</body>
</html>
`;
