// The two charts over training steps, by uPlot: loss, and accuracy in training and validation.
import uPlot from 'uplot';
import { byId, cssVar, onColorScheme, throttled } from './dom.ts';

interface Line {
  /** CSS custom property with its colour. */
  color: string;
  width: number;
  alpha?: number;
  /** Values stand apart, joined across the steps between. */
  sparse?: boolean;
}

interface ChartOptions {
  id: string;
  lines: Line[];
  /** Largest value of the scale, from the largest value there is; null for none yet. */
  yMax: (most: number | null) => number;
  format: (value: number) => string;
  formatTick: (value: number) => string;
}

/** Steps that an empty chart shows. */
const FEWEST_STEPS = 20;

/** A chart that fills the element `id`; the elements `id-0`, `id-1`, ... of its legend show values at the pointer. */
class Chart {
  private readonly plot: uPlot;
  private readonly options: ChartOptions;
  private readonly columns: (number | null)[][];
  private readonly host: HTMLElement;
  private readonly drawSoon = throttled(() => this.draw());

  constructor(options: ChartOptions) {
    this.options = options;
    this.columns = [[], ...options.lines.map(() => [])];
    this.host = byId(options.id);
    const { formatTick, yMax, lines } = options;
    const axis = {
      stroke: () => cssVar('--muted'),
      font: `12px ${getComputedStyle(document.body).fontFamily}`,
      grid: { stroke: () => cssVar('--grid'), width: 1 },
      ticks: { show: false },
    };
    this.plot = new uPlot(
      {
        ...this.size(),
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
        padding: [8, 8, 0, 0],
        scales: {
          x: { time: false, range: (_, __, max) => [0, Math.max(max ?? 0, FEWEST_STEPS)] },
          y: { range: (_, __, max) => [0, yMax(max)] },
        },
        axes: [
          { ...axis, size: 24, gap: 4 },
          {
            ...axis,
            size: 44,
            gap: 4,
            values: (_, ticks) => ticks.map((tick) => (tick === null ? '' : formatTick(tick))),
          },
        ],
        series: [
          {},
          ...lines.map(({ color, width, alpha = 1, sparse = false }) => ({
            stroke: () => cssVar(color),
            width,
            alpha,
            spanGaps: sparse,
            points: { show: sparse, size: 5, width: 0, fill: () => cssVar(color) },
          })),
        ],
        hooks: { setCursor: [() => this.showValues()] },
      },
      this.columns as uPlot.AlignedData,
      this.host,
    );
    new ResizeObserver(() => this.plot.setSize(this.size())).observe(this.host);
    onColorScheme(() => this.plot.redraw());
  }

  add(step: number, values: (number | null)[]): void {
    const finite = values.map((value) => (value !== null && Number.isFinite(value) ? value : null));
    for (const [i, value] of [step, ...finite].entries()) this.columns[i].push(value);
    this.drawSoon();
  }

  /** Sets one line's value at the last step. */
  set(line: number, value: number): void {
    this.columns[line + 1][this.columns[0].length - 1] = value;
    this.drawSoon();
  }

  clear(): void {
    for (const column of this.columns) column.length = 0;
    this.drawSoon();
  }

  private draw(): void {
    this.plot.setData(this.columns as uPlot.AlignedData);
    this.showValues();
  }

  /** Values at the pointer, else the latest. */
  private showValues(): void {
    const { idx } = this.plot?.cursor ?? {};
    this.options.lines.forEach((_, i) => {
      const column = this.columns[i + 1].slice(0, idx == null ? undefined : idx + 1);
      const value = column.findLast((entry) => entry !== null);
      byId(`${this.options.id}-${i}`).textContent = value == null ? '' : this.options.format(value);
    });
  }

  private size() {
    return { width: this.host.clientWidth, height: this.host.clientHeight };
  }
}

/** A running mean that forgets, and is not drawn to its start: sum of decay^k x / sum of decay^k. */
class Smoothed {
  private sum = 0;
  private weight = 0;

  add(x: number, decay = 0.9): number {
    this.sum = decay * this.sum + x;
    this.weight = decay * this.weight + 1;
    return this.sum / this.weight;
  }
}

export class Charts {
  private readonly loss = new Chart({
    id: 'loss-chart',
    lines: [
      { color: '--series-1', width: 1, alpha: 0.3 },
      { color: '--series-1', width: 2 },
    ],
    yMax: (most) => 1.05 * (most ?? 2.4),
    format: (value) => value.toFixed(3),
    formatTick: String,
  });

  private readonly accuracy = new Chart({
    id: 'accuracy-chart',
    lines: [
      { color: '--series-1', width: 2 },
      { color: '--series-2', width: 2, sparse: true },
    ],
    yMax: () => 1,
    format: (share) => `${(100 * share).toFixed(1)} %`,
    formatTick: (share) => `${Math.round(100 * share)} %`,
  });

  private smoothLoss = new Smoothed();
  private smoothAccuracy = new Smoothed();

  /** Returns the smoothed loss. */
  addStep(step: number, loss: number, accuracy: number): number {
    const smooth = this.smoothLoss.add(loss);
    this.loss.add(step, [loss, smooth]);
    this.accuracy.add(step, [this.smoothAccuracy.add(accuracy), null]);
    return smooth;
  }

  addValidation(accuracy: number): void {
    this.accuracy.set(1, accuracy);
  }

  clear(): void {
    this.loss.clear();
    this.accuracy.clear();
    this.smoothLoss = new Smoothed();
    this.smoothAccuracy = new Smoothed();
  }
}
