// The look of a search's page, beside that of a report; and the script that lights up a trial wherever it is drawn.

export const pageStyle = `
:root { --worst: #f1c453; --best: #1f3f95; --ring: #d2490e; }
@media (prefers-color-scheme: dark) { :root { --worst: #33538f; --best: #ffdc5e; --ring: #ff9d5c; } }
section > h2 { font-size: 18px; margin: 12px 0 2px; }
section > h2 + p { margin: 0; color: var(--soft); max-width: 80ch; }
section > h2 ~ div { margin-top: 12px; }
.panel > h2 { margin: 0; font-size: 16px; }
.notes { list-style: none; margin: 0; padding: 0; display: grid; gap: 8px; }
.notes li { border-left: 3px solid var(--ring); padding: 2px 0 2px 12px; max-width: 90ch; }
.key { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: 6px 22px; font-size: 13px; color: var(--soft); align-items: center; }
.key li { display: flex; align-items: center; gap: 8px; }
.key span { width: 130px; height: 10px; border-radius: 5px; background: linear-gradient(in oklch to right, var(--worst), var(--best)); }
.best-key::before { content: ""; width: 11px; height: 11px; border-radius: 50%; background: var(--best); outline: 2px solid var(--ring); outline-offset: 1.5px; }
.stopped-key::before { content: "×"; font-size: 17px; line-height: 1; color: var(--soft); }
.band-key::before { content: ""; width: 18px; height: 11px; background: color-mix(in oklab, var(--training) 14%, transparent); border-radius: 3px; }
.many { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); gap: 16px; }
.scatter figcaption { margin-bottom: 14px; } .scatter figcaption span { font-size: 13px; color: var(--soft); }
.scatter .plot { grid-template-rows: 240px 22px auto; grid-template-columns: 20px 50px minmax(0, 1fr); }
.scatter .area { cursor: default; border-left: 1px solid var(--rule); border-bottom: 1px solid var(--rule); }
.area u { position: absolute; top: 0; bottom: 0; background: color-mix(in oklab, var(--training) 9%, transparent); border-radius: 3px; }
.area s { position: absolute; width: 10px; height: 10px; margin: 0 0 -5px -5px; border-radius: 50%; text-decoration: none;
  background: color-mix(in oklch, var(--best) var(--p), var(--worst)); box-shadow: 0 0 0 1px var(--panel); }
.area s::after { content: ""; position: absolute; inset: -5px; border-radius: 50%; }
.area s.best { outline: 2px solid var(--ring); outline-offset: 2px; }
.area s.stopped { background: none; box-shadow: none; }
.area s.stopped::before { content: "×"; position: absolute; inset: -4px; font-size: 17px; line-height: 18px; text-align: center; color: var(--soft); }
.area s.imagined { background: var(--panel); box-shadow: inset 0 0 0 2px var(--soft); }
.area s.lit { transform: scale(1.5); box-shadow: 0 0 0 2px var(--panel), 0 0 0 4px var(--ink); z-index: 2; }
.above { height: 84px; margin-left: 70px; position: relative; overflow: hidden; }
.above svg, .area svg.up { position: absolute; inset: 0; width: 100%; height: 100%; }
.above path { fill: none; stroke: none; vector-effect: non-scaling-stroke; }
.above .hill { fill: color-mix(in oklab, var(--training) 13%, transparent); }
.above .ridge { stroke: var(--training); stroke-width: 2; }
.above .fall, .area svg.up path { stroke: var(--soft); stroke-width: 1; opacity: .4; stroke-dasharray: 2 3; }
.trials th, .trials td { white-space: nowrap; padding-right: 18px; } .trials tr.top { font-weight: 600; }
.trials td:last-child { color: var(--soft); font-weight: 400; }
.trials tbody tr.lit, .trials tr.lit > :first-child { background: color-mix(in oklab, var(--training) 10%, var(--panel)); }
.hover { position: fixed; z-index: 3; padding: 6px 9px; background: var(--panel); color: var(--ink); border: 1px solid var(--rule); border-radius: 6px;
  box-shadow: 0 2px 10px rgb(0 0 0 / .18); font-size: 12.5px; pointer-events: none; max-width: min(320px, 80vw); }
@media (max-width: 560px) { .scatter .plot { grid-template-rows: 210px 22px auto; grid-template-columns: 18px 46px minmax(0, 1fr); } .above { margin-left: 64px; } }
`;

export const pageScript = `
const tip = Object.assign(document.createElement('div'), { className: 'hover', hidden: true });
document.body.append(tip);
const marks = [...document.querySelectorAll('[data-trial]')];
let lit = null;
const show = (trial, event) => {
  if (trial !== lit) for (const mark of marks) mark.classList.toggle('lit', mark.dataset.trial === trial);
  lit = trial;
  const row = trial && document.querySelector('tr[data-trial="' + trial + '"]');
  tip.hidden = !row || event.target.closest('tr');
  if (tip.hidden) return;
  tip.textContent = row.dataset.tip;
  tip.style.top = event.clientY + 14 + 'px';
  tip.style.left = Math.max(8, Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 8)) + 'px';
};
document.addEventListener('pointermove', (event) => show(event.target.closest('[data-trial]')?.dataset.trial ?? null, event));
document.addEventListener('pointerdown', (event) => show(event.target.closest('[data-trial]')?.dataset.trial ?? null, event));
`;
