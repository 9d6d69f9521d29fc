// Draws a race on a canvas: shaded contours once, and the paths up to a step as often as they grow.
import { optim } from 'downhill';
import { cssVar } from './dom.ts';

const { contour, heightMap } = optim.race;
type Surface = optim.race.Surface;

/** A path to draw. */
export interface Track {
  color: string;
  path: optim.race.Path;
}

const LEVELS = 18;
/** Cells of the contours, and of the shading: enough for a large screen. */
const GRID = [241, 181] as const;
const SHADES = [800, 600] as const;

const channels = (hex: string) => [1, 3, 5].map((i) => Number.parseInt(hex.slice(i, i + 2), 16));

/** The shading of a surface from --low to --high, as a picture of its own. */
function shading(surface: Surface): HTMLCanvasElement {
  const [width, height] = SHADES;
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const context = canvas.getContext('2d')!;
  const image = context.createImageData(width, height);
  const { heights } = heightMap(surface, width, height);
  const [low, high] = [channels(cssVar('--low')), channels(cssVar('--high'))];
  const shades = Array.from({ length: LEVELS + 1 }, (_, k) => low.map((v, i) => v + ((high[i] - v) * k) / LEVELS));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const color = shades[Math.floor(heights[(height - 1 - y) * width + x] * LEVELS)];
      image.data.set(color, 4 * (y * width + x));
      image.data[4 * (y * width + x) + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

export class Picture {
  private readonly canvas: HTMLCanvasElement;
  private readonly context: CanvasRenderingContext2D;
  private surface: Surface | null = null;
  private shades: HTMLCanvasElement | null = null;
  private lines: optim.race.Piece[] = [];

  constructor(canvas: HTMLCanvasElement) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d')!;
  }

  /** Chooses what lies below the paths; also after the colours have changed. */
  show(surface: Surface): void {
    if (surface !== this.surface) {
      const map = heightMap(surface, ...GRID);
      this.lines = Array.from({ length: LEVELS - 1 }, (_, k) => contour(map, (k + 1) / LEVELS)).flat();
    }
    this.surface = surface;
    this.shades = shading(surface);
  }

  /** Draws the tracks up to a step, which may be a fraction. */
  draw(tracks: readonly Track[], step: number): void {
    const { canvas, context, surface, shades } = this;
    if (!surface || !shades) return;
    const { clientWidth: width, clientHeight: height } = canvas;
    const scale = devicePixelRatio;
    const [columns, rows] = [Math.round(width * scale), Math.round(height * scale)];
    if (canvas.width !== columns || canvas.height !== rows) Object.assign(canvas, { width: columns, height: rows });
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.drawImage(shades, 0, 0, width, height);
    context.lineJoin = 'round';
    context.lineCap = 'round';
    this.stroke(cssVar('--contour'), 1, () => {
      for (const [x1, y1, x2, y2] of this.lines) {
        context.moveTo(x1 * width, (1 - y1) * height);
        context.lineTo(x2 * width, (1 - y2) * height);
      }
    });
    const { bounds, minima, start } = surface;
    const share = ([low, high]: readonly [number, number], value: number) => (value - low) / (high - low);
    const at = (x: number, y: number) => [share(bounds.x, x) * width, (1 - share(bounds.y, y)) * height] as const;
    const ink = cssVar('--ink');
    const card = cssVar('--card');
    const drawn = tracks.map(({ path, color }) => ({ color, points: until(path, step).map(([x, y]) => at(x, y)) }));
    const follow = (points: (readonly [number, number])[]) => {
      for (const [x, y] of points) context.lineTo(x, y);
    };
    for (const { points } of drawn) this.stroke(cssVar('--halo'), 4, () => follow(points));
    for (const { color, points } of drawn) this.stroke(color, 2.2, () => follow(points));
    for (const { color, points } of drawn) this.dot(points[points.length - 1], 5, color, card);
    this.dot(at(...start), 5, card, ink);
    // Above the ends of those that got there.
    for (const minimum of minima) {
      const [x, y] = at(...minimum);
      this.stroke(ink, 2, () => {
        for (const [dx, dy] of [
          [6, 0],
          [0, 6],
        ]) {
          context.moveTo(x - dx, y - dy);
          context.lineTo(x + dx, y + dy);
        }
      });
    }
  }

  private stroke(color: string, width: number, path: () => void): void {
    this.context.strokeStyle = color;
    this.context.lineWidth = width;
    this.context.beginPath();
    path();
    this.context.stroke();
  }

  private dot([x, y]: readonly [number, number], radius: number, fill: string, edge: string): void {
    const { context } = this;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fillStyle = fill;
    context.fill();
    context.strokeStyle = edge;
    context.lineWidth = 2;
    context.stroke();
  }
}

/** The points of a path up to a step; behind a fraction lies a part of the way to the next point. */
function until({ x, y }: optim.race.Path, step: number): [number, number][] {
  const last = Math.min(Math.floor(step), x.length - 1);
  const points = Array.from({ length: last + 1 }, (_, i): [number, number] => [x[i], y[i]]);
  const rest = step - last;
  if (rest > 0 && last + 1 < x.length) {
    points.push([x[last] + (x[last + 1] - x[last]) * rest, y[last] + (y[last + 1] - y[last]) * rest]);
  }
  return points;
}
