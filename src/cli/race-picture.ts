// The picture of a race: contour plots with the paths of all optimizers, and a key.
import { type Contestant, contour, heightMap, type Path, type Surface } from '../optim/race/index.ts';
import { type Box, Canvas, type Dot, mix, rgb } from './canvas.ts';
import { widthOf } from './stroke-font.ts';

export interface Race {
  surface: Surface;
  runs: { contestant: Contestant; lr: number; path: Path }[];
}

const PAGE = rgb('#f3f5f9');
const INK = rgb('#16202e');
const MUTED = rgb('#5b6878');
const CARD = rgb('#ffffff');
const LOW = rgb('#f7fafe');
const HIGH = rgb('#b7c7de');
const LINE = rgb('#8ea3c0');
const MARGIN = 40;
const LEVELS = 18;
/** From the beginning of a key to its name. */
const KEY = 44;

/** A picture of one race with a table beside it, or of several with a common key below. As a PNG. */
export function racePicture(races: readonly Race[], steps: number): Uint8Array {
  return races.length === 1 ? single(races[0], steps) : several(races, steps);
}

function single(race: Race, steps: number): Uint8Array {
  const [width, height, table] = [1120, 840, 430];
  const canvas = new Canvas(MARGIN * 3 + width + table, MARGIN * 2 + 60 + height, PAGE);
  const { title, formula } = race.surface;
  canvas.text(title, MARGIN, MARGIN + 26, { size: 38, color: INK, bold: true });
  canvas.text(formula, MARGIN + width, MARGIN + 26, { size: 26, color: MUTED, align: 'right' });
  panel(canvas, { x: MARGIN, y: MARGIN + 60, width, height }, race, 3.2);
  const left = MARGIN * 2 + width;
  const [rate, loss] = [left + 270, left + table];
  let y = MARGIN + 26;
  const head = { size: 22, color: MUTED, align: 'right' as const };
  canvas.text('lr', rate, y, head);
  canvas.text('loss', loss, y, head);
  y += 62;
  for (const { contestant, lr, path } of race.runs) {
    key(canvas, contestant, left, y, 28);
    canvas.text(String(lr), rate, y, { size: 24, color: MUTED, align: 'right' });
    const last = path.loss.length > steps ? short(path.loss[steps]) : 'far off';
    canvas.text(last, loss, y, { size: 24, color: INK, align: 'right' });
    y += 56;
  }
  marks(canvas, left, y + 24);
  canvas.text(`after ${steps} steps`, loss, y + 24, { size: 21, color: MUTED, align: 'right' });
  return canvas.png();
}

function several(races: readonly Race[], steps: number): Uint8Array {
  const [width, height, head, foot] = [780, 585, 66, 110];
  const rows = Math.ceil(races.length / 2);
  const canvas = new Canvas(MARGIN * 3 + width * 2, MARGIN + (height + head + MARGIN / 2) * rows + foot, PAGE);
  races.forEach((race, i) => {
    const [x, y] = [MARGIN + (i % 2) * (width + MARGIN), MARGIN / 2 + Math.floor(i / 2) * (height + head + MARGIN / 2)];
    canvas.text(race.surface.title, x, y + 46, { size: 32, color: INK, bold: true });
    canvas.text(race.surface.formula, x + width, y + 46, { size: 23, color: MUTED, align: 'right' });
    panel(canvas, { x, y: y + head, width, height }, race, 2.8);
  });
  const { runs } = races[0];
  const widths = runs.map(({ contestant }) => KEY + widthOf(contestant.name, 26));
  const gap = (canvas.width - 2 * MARGIN - widths.reduce((a, b) => a + b)) / (runs.length - 1);
  let left = MARGIN;
  runs.forEach(({ contestant }, i) => {
    key(canvas, contestant, left, canvas.height - foot + 30, 26);
    left += widths[i] + gap;
  });
  marks(canvas, MARGIN, canvas.height - 32);
  const note = { size: 21, color: MUTED, align: 'right' as const };
  canvas.text(
    `${steps} steps, each with a learning rate that suits it`,
    canvas.width - MARGIN,
    canvas.height - 32,
    note,
  );
  return canvas.png();
}

/** Three figures, and a power of ten where there would be many more. */
function short(value: number): string {
  if (value !== 0 && Math.abs(value) < 1e-3) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}

/** A contestant's name behind a piece of its line. */
function key(canvas: Canvas, { name, color }: Contestant, x: number, y: number, size: number): void {
  canvas.stroke(
    [
      [
        [x + 4, y - size * 0.25],
        [x + 30, y - size * 0.25],
      ],
    ],
    7,
    rgb(color),
  );
  canvas.text(name, x + KEY, y, { size, color: INK });
}

/** What the marks of a panel mean. */
function marks(canvas: Canvas, x: number, y: number): void {
  const words = { size: 21, color: MUTED };
  ring(canvas, [x + 10, y - 6], 8);
  canvas.text('start', x + 30, y, words);
  cross(canvas, [x + 120, y - 6], 8);
  canvas.text('minimum', x + 140, y, words);
}

const ring = (canvas: Canvas, at: Dot, radius: number) => {
  canvas.stroke([[at]], radius * 2, INK);
  canvas.stroke([[at]], radius * 2 - 5, CARD);
};

const cross = (canvas: Canvas, [x, y]: Dot, size: number) => {
  const arms: Dot[][] = [
    [
      [x - size, y],
      [x + size, y],
    ],
    [
      [x, y - size],
      [x, y + size],
    ],
  ];
  canvas.stroke(arms, 7, CARD);
  canvas.stroke(arms, 3, INK);
};

/** A contour plot with all paths. */
function panel(canvas: Canvas, box: Box, { surface, runs }: Race, thickness: number): void {
  const place = (across: number, up: number): Dot => [box.x + across * box.width, box.y + (1 - up) * box.height];
  const share = ([low, high]: readonly [number, number], value: number) => (value - low) / (high - low);
  const at = (x: number, y: number) => place(share(surface.bounds.x, x), share(surface.bounds.y, y));
  const map = heightMap(surface, 401, 301);
  const shades = Array.from({ length: LEVELS + 1 }, (_, k) => mix(LOW, HIGH, k / LEVELS));
  const fine = heightMap(surface, box.width, box.height);
  canvas.fill(box, (across, down) => {
    const [i, j] = [Math.floor(across * box.width), box.height - 1 - Math.floor(down * box.height)];
    return shades[Math.floor(fine.heights[j * box.width + i] * LEVELS)];
  });
  canvas.within(box, () => {
    for (let k = 1; k < LEVELS; k++) {
      const pieces = contour(map, k / LEVELS);
      const lines = pieces.map(([x1, y1, x2, y2]) => [place(x1, y1), place(x2, y2)]);
      if (lines.length > 0) canvas.stroke(lines, 1.2, LINE, 0.55);
    }
    const paths = runs.map(({ path, contestant }) => ({
      line: path.x.map((x, i) => at(x, path.y[i])),
      color: rgb(contestant.color),
    }));
    for (const { line } of paths) canvas.stroke([line], thickness + 2.4, CARD, 0.65);
    for (const { line, color } of paths) canvas.stroke([line], thickness, color, 0.95);
    for (const { line, color } of paths) {
      const end = line[line.length - 1];
      canvas.stroke([[end]], thickness * 4 + 4, CARD);
      canvas.stroke([[end]], thickness * 4, color);
    }
    ring(canvas, at(...surface.start), 9);
    // Above the ends of those that got there.
    for (const minimum of surface.minima) cross(canvas, at(...minimum), 13);
  });
}
