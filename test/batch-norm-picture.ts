// The picture of docs/notes.md about batch norm: losses of three runs by step, and of all runs by learning rate.
import { type Box, Canvas, type Color, type Dot, rgb } from '../src/cli/canvas.ts';
import { CHANCE, type Trained } from './batch-norm.ts';

const PAGE = rgb('#f3f5f9');
const CARD = rgb('#ffffff');
const INK = rgb('#16202e');
const MUTED = rgb('#5b6878');
const GRID = rgb('#dfe5ee');
const PLAIN = rgb('#c2410c');
const NORMALIZED = rgb('#1d63d8');
const FAILED = rgb('#e5a50a');
const TOP = 3;

const [WIDTH, HEIGHT, LEFT, GAP] = [620, 420, 110, 130];
const panels: Box[] = [0, 1].map((i) => ({ x: LEFT + i * (WIDTH + GAP), y: 96, width: WIDTH, height: HEIGHT }));

/** A PNG. `lr` is the best rate without batch norm. */
export function batchNormPicture(runs: readonly Trained[], lr: number): Uint8Array {
  const canvas = new Canvas(LEFT + 2 * WIDTH + GAP + 50, 740, PAGE);
  const of = (batchNorm: boolean) => runs.filter((run) => run.batchNorm === batchNorm);
  const at = (batchNorm: boolean, rate: number) => of(batchNorm).find((run) => run.lr === rate)!;
  const [left, right] = panels;

  const shown = [at(false, lr), at(false, 10 * lr), at(true, 10 * lr)];
  const steps = shown[0].losses.length;
  const byStep = (step: number) => step / steps;
  axes(
    canvas,
    left,
    'Loss while training',
    'step',
    0.93,
    [0, 20, 40, 60, 80].map((step) => [byStep(step), String(step)]),
  );
  shown.forEach(({ losses }, i) => {
    const color = [PLAIN, FAILED, NORMALIZED][i];
    curve(
      canvas,
      left,
      losses.map((loss, k) => [byStep(k + 1), loss]),
      color,
    );
  });

  const rates = of(false).map((run) => run.lr);
  const byRate = (rate: number) => 0.04 + (0.92 * Math.log(rate / rates[0])) / Math.log(rates.at(-1)! / rates[0]);
  axes(
    canvas,
    right,
    'Loss of the last epoch',
    'learning rate',
    0.42,
    rates.map((rate) => [byRate(rate), String(rate)]),
  );
  for (const [batchNorm, color] of [
    [false, PLAIN],
    [true, NORMALIZED],
  ] as const) {
    // Where training broke down, the loss is beyond all bounds.
    const dots = of(batchNorm).map(({ lr, loss }): Dot => [byRate(lr), Number.isFinite(loss) ? loss : 2 * TOP]);
    curve(canvas, right, dots, color);
    for (const dot of dots) if (dot[1] <= TOP) canvas.stroke([[placed(right, dot)]], 15, color);
  }

  key(canvas, left, 0, PLAIN, `without batch norm, learning rate ${lr}`);
  key(canvas, left, 1, FAILED, `without, learning rate ${10 * lr}`);
  key(canvas, left, 2, NORMALIZED, `with batch norm, learning rate ${10 * lr}`);
  key(canvas, right, 0, PLAIN, 'without batch norm');
  key(canvas, right, 1, NORMALIZED, 'with batch norm');
  return canvas.png();
}

const placed = ({ x, y, width, height }: Box, [across, loss]: Dot): Dot => [
  x + across * width,
  y + height * (1 - loss / TOP),
];

/** `guessing` is where the line of guessing is named, from 0 to 1. */
function axes(
  canvas: Canvas,
  box: Box,
  title: string,
  label: string,
  guessing: number,
  ticks: [number, string][],
): void {
  const { x, y, width, height } = box;
  const small = { size: 20, color: MUTED };
  canvas.text(title, x, y - 32, { size: 30, color: INK, bold: true });
  canvas.fill(box, () => CARD);
  for (const loss of [0, 1, 2, 3]) {
    const [, level] = placed(box, [0, loss]);
    canvas.stroke(
      [
        [
          [x, level],
          [x + width, level],
        ],
      ],
      2,
      GRID,
    );
    canvas.text(String(loss), x - 16, level + 7, { ...small, align: 'right' });
  }
  for (const [across, text] of ticks) {
    canvas.text(text, x + across * width, y + height + 34, { ...small, align: 'center' });
  }
  canvas.text(label, x + width, y + height + 70, { ...small, align: 'right' });
  const [, chance] = placed(box, [0, CHANCE]);
  for (let from = 0; from < width; from += 16) {
    canvas.stroke(
      [
        [
          [x + from, chance],
          [x + Math.min(width, from + 7), chance],
        ],
      ],
      2,
      MUTED,
    );
  }
  canvas.text('guessing', x + guessing * width, chance - 12, { size: 18, color: MUTED, align: 'center' });
}

function curve(canvas: Canvas, box: Box, dots: Dot[], color: Color): void {
  canvas.within(box, () => canvas.stroke([dots.map((dot) => placed(box, dot))], 4, color));
}

function key(canvas: Canvas, { x, y, height }: Box, row: number, color: Color, text: string): void {
  const line = y + height + 112 + 36 * row;
  canvas.stroke(
    [
      [
        [x, line],
        [x + 40, line],
      ],
    ],
    5,
    color,
  );
  canvas.text(text, x + 56, line + 8, { size: 22, color: INK });
}
