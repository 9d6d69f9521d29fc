// The report of a training run: one HTML page without outside references, from numbers alone.
import { escapeHtml } from './report-chart.ts';
import { accuracyChart, lossChart, smallCharts, updateChart } from './report-curves.ts';
import { grouped } from './report-format.ts';
import { layerPanels } from './report-layers.ts';
import { page } from './report-page.ts';
import { epochPanel, filterPanel, findingPanel, flagPanel, tiles } from './report-panels.ts';
import type { Report } from './report-records.ts';

export { type Report, type RunLine, reportOf } from './report-records.ts';

/** The page as text. */
export function reportHtml(report: Report): string {
  const { title, device, filters } = report;
  const last = report.steps.at(-1);
  const note =
    last && last.step < last.steps
      ? `<p class="note">Stopped early, after step ${grouped(last.step)} of ${grouped(last.steps)}.</p>`
      : '';
  return page(
    title,
    `<header><h1>${escapeHtml(title)}</h1><p>Trained with downhill on ${escapeHtml(device)}</p>${note}</header>
${tiles(report)}
${findingPanel(report)}
<div class="pair">
${lossChart(report)}
${accuracyChart(report)}
</div>
<div class="trio">
${smallCharts(report)}
</div>
<div class="pair">
<div class="stack">
${updateChart(report)}
${epochPanel(report)}
</div>
<div class="stack">
${filters ? filterPanel(filters) : ''}
${flagPanel(report)}
</div>
</div>
${layerPanels(report)}`,
  );
}
