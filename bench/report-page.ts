// The report as one HTML page: charts of dots with quartiles on a logarithmic axis, and the whole table.

import type { Spread } from './measure.ts';
import { cells, duration, HEAD, names, type Report, ratio, summary, TITLES } from './report.ts';
import type { LibraryName } from './session.ts';

const style = `
:root { color-scheme: light dark; --paper: #f6f7f9; --panel: #fff; --ink: #1c2430; --soft: #5f6b7a; --rule: #e3e7ec;
  --downhill: #2563c9; --tfjs: #d2490e; --jax: #14855a; --torch: #8a4bc4; }
@media (prefers-color-scheme: dark) { :root { --paper: #11151b; --panel: #191f27; --ink: #e6eaf0; --soft: #97a3b3; --rule: #2b333e;
  --downhill: #71a8ff; --tfjs: #ff9d5c; --jax: #4fcf9a; --torch: #c79bff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Open Sans", sans-serif; }
main { max-width: 1280px; margin: 0 auto; padding: 32px 24px 56px; display: grid; gap: 20px; }
h1 { margin: 0; font-size: 26px; line-height: 1.2; } h2 { margin: 0; font-size: 16px; }
header p { margin: 4px 0 0; color: var(--soft); }
section { background: var(--panel); border: 1px solid var(--rule); border-radius: 10px; padding: 16px 18px 18px; min-width: 0; }
section > p { margin: 2px 0 12px; color: var(--soft); font-size: 13px; }
.legend { list-style: none; margin: 0 0 8px; padding: 0; display: flex; flex-wrap: wrap; gap: 2px 18px; font-size: 13px; }
.legend li::before { content: ""; display: inline-block; width: 10px; height: 10px; border-radius: 50%; background: var(--c); margin-right: 6px; }
.downhill { --c: var(--downhill); } .tfjs { --c: var(--tfjs); } .jax { --c: var(--jax); } .torch { --c: var(--torch); }
.dots { display: grid; grid-template-columns: max-content minmax(0, 1fr); column-gap: 14px; font-size: 13px; }
.dots > b { font-weight: 400; text-align: right; line-height: 26px; }
.track, .axis { position: relative; height: 26px; margin: 0 26px; }
.track { border-top: 1px solid var(--rule); }
.track i, .axis i { position: absolute; font-style: normal; }
.track .tick { top: 0; bottom: 0; width: 1px; background: var(--rule); } .track .one { background: var(--soft); }
.track .range { top: 12px; height: 3px; background: var(--c); opacity: .45; border-radius: 2px; min-width: 2px; }
.track .dot { top: 8px; width: 11px; height: 11px; margin-left: -5.5px; border-radius: 50%; background: var(--c); }
.axis i { transform: translateX(-50%); color: var(--soft); font-size: 12px; white-space: nowrap; top: 4px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 14px 4px 0; text-align: left; border-bottom: 1px solid var(--rule); white-space: nowrap; }
th { color: var(--soft); font-weight: 500; } tbody th { color: var(--ink); font-weight: 600; padding-top: 14px; }
td:first-child::before { content: ""; display: inline-block; width: 8px; height: 8px; border-radius: 50%; background: var(--c); margin-right: 7px; }
.why { color: var(--soft); white-space: normal; }
`;

const escape = (text: string) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

interface Line {
  label: string;
  dots: { name: LibraryName; value: Spread }[];
}

/** Powers of ten, with 2 and 5 times those where they are few. */
function ticksOf(low: number, high: number): number[] {
  const factors = high / low > 1000 ? [1] : [1, 2, 5];
  const first = Math.floor(Math.log10(low));
  const powers = Array.from({ length: Math.ceil(Math.log10(high)) - first + 1 }, (_, i) => 10 ** (first + i));
  const all = powers.flatMap((power) => factors.map((factor) => Number((factor * power).toPrecision(3))));
  return all.filter((tick, i) => (all[i + 1] ?? tick) >= low && (all[i - 1] ?? tick) <= high);
}

/** A line of dots for each workload. `one`: the value to be marked. */
function dots(title: string, note: string, lines: Line[], format: (value: number) => string, one?: number): string {
  const shown = lines.filter(({ dots }) => dots.length > 0);
  if (shown.length === 0) return '';
  const values = shown.flatMap(({ dots }) => dots.flatMap(({ value }) => [value.low, value.high]));
  if (one !== undefined) values.push(one);
  const ticks = ticksOf(Math.min(...values), Math.max(...values));
  const [low, high] = [ticks[0], ticks.at(-1)!];
  const at = (value: number) => (100 * Math.log(value / low)) / Math.log(high / low || 10);
  const grid = ticks
    .map((t) => `<i class="tick${t === one ? ' one' : ''}" style="left:${at(t).toFixed(2)}%"></i>`)
    .join('');
  const track = ({ dots }: Line) =>
    dots
      .map(({ name, value }) => {
        const tip = `${TITLES[name]}: ${format(value.median)} (${format(value.low)} to ${format(value.high)})`;
        const [from, to] = [at(value.low), at(value.high)];
        return `<i class="range ${name}" style="left:${from.toFixed(2)}%;width:${(to - from).toFixed(2)}%"></i>
<i class="dot ${name}" style="left:${at(value.median).toFixed(2)}%" title="${escape(tip)}"></i>`;
      })
      .join('');
  const rows = shown.map((line) => `<b>${escape(line.label)}</b><div class="track">${grid}${track(line)}</div>`);
  const axis = ticks.map((t) => `<i style="left:${at(t).toFixed(2)}%">${format(t)}</i>`).join('');
  const present = [...new Set(shown.flatMap(({ dots }) => dots.map(({ name }) => name)))];
  const legend = present.map((name) => `<li class="${name}">${TITLES[name]}</li>`).join('');
  return `<section><h2>${escape(title)}</h2><p>${escape(note)}</p><ul class="legend">${legend}</ul>
<div class="dots">${rows.join('\n')}<b></b><div class="axis">${axis}</div></div></section>`;
}

/** The lines of a chart, from a function that gives a library's value. */
function linesOf(report: Report, value: (row: Report['rows'][number], name: LibraryName) => Spread | null): Line[] {
  return report.rows.map((row) => ({
    label: row.workload.title,
    dots: names(row).flatMap((name) => {
      const found = value(row, name);
      return found ? [{ name, value: found }] : [];
    }),
  }));
}

const exactly = (value: number): Spread => ({ median: value, low: value, high: value });

function table(report: Report): string {
  const body = report.rows.map((row) => {
    const lines = names(row).map((name) => {
      const [first, ...rest] = cells(name, row, report.peaks);
      const others =
        rest.length === 1
          ? `<td class="why" colspan="${HEAD.length - 1}">${escape(rest[0])}</td>`
          : rest.map((cell) => `<td>${escape(cell)}</td>`).join('');
      return `<tr><td class="${name}">${first}</td>${others}</tr>`;
    });
    return `<tr><th colspan="${HEAD.length}">${escape(row.workload.title)}</th></tr>${lines.join('\n')}`;
  });
  const head = HEAD.map((cell) => `<th>${escape(cell)}</th>`).join('');
  return `<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${body.join('\n')}</tbody></table></div>`;
}

export function reportHtml(report: Report): string {
  const ratios = linesOf(report, ({ libraries }, name) => {
    const found = libraries[name]!;
    return found.status === 'ok' && name !== 'downhill' ? ratio(found, libraries.downhill) : null;
  });
  // Elementwise ops and reductions are as fast as memory, the others as multiply-adds.
  const rates = (ofMemory: boolean) =>
    linesOf(report, ({ libraries, workload }, name) => {
      const found = libraries[name]!;
      if (found.status !== 'ok' || ['elementwise', 'reduction'].includes(workload.group) !== ofMemory) return null;
      const [work, peak] = ofMemory ? [workload.bytes, report.peaks.gbs] : [workload.flops, report.peaks.gflops];
      const share = (ms: number) => work / ms / 1e6 / peak;
      return { median: share(found.step.median), low: share(found.step.high), high: share(found.step.low) };
    });
  const firsts = linesOf(report, ({ libraries }, name) => {
    const found = libraries[name]!;
    return found.status === 'ok' ? exactly(found.firstMs) : null;
  });
  const share = (value: number) => `${Number((100 * value).toPrecision(3))} %`;
  const [where, ...details] = summary(report).split('\n');
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>downhill: benchmarks</title>
<style>${style}</style></head><body><main>
<header><h1>Benchmarks</h1><p>${escape(where)}</p>${details.map((line) => `<p>${escape(line)}</p>`).join('')}<p>${escape(report.date)}</p></header>
${dots('Times downhill', "A step's time in parts of downhill's, with quartiles: right of 1 is slower.", ratios, (v) => `${Number(v.toPrecision(3))}`, 1)}
${dots('Share of the peak', 'Floating-point operations by the textbook, in parts of the multiply-adds that the adapter did in this run.', rates(false), share, 1)}
${dots('Share of the copy rate', 'Bytes that must be moved at least, in parts of what a copy by a shader moved in this run.', rates(true), share, 1)}
${dots('First step', 'With all compilation, in a fresh process without kept shaders.', firsts, duration)}
<section><h2>All figures</h2><p>Every value was checked against float64 before it was timed. JS: until the commands of a step are handed over.
Bytes: inputs read and outputs written once; of training, activations written and read once, parameters and moments read and written.</p>${table(report)}</section>
</main></body></html>
`;
}
