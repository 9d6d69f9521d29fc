// A small canvas for pictures that commands write: smooth lines, dots and text on an RGB image.
import { encode } from 'fast-png';
import { strokesOf, widthOf } from './stroke-font.ts';

export type Color = readonly [red: number, green: number, blue: number];
export type Dot = readonly [x: number, y: number];

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface TextOptions {
  size: number;
  color: Color;
  /** Where (x, y), on the baseline, lies in the text. Default: left. */
  align?: 'left' | 'center' | 'right';
  bold?: boolean;
}

/** A colour from `#rrggbb`. */
export const rgb = (hex: string): Color => [1, 3, 5].map((i) => Number.parseInt(hex.slice(i, i + 2), 16)) as never;

/** Between two colours, a share of the way. */
export const mix = (a: Color, b: Color, share: number): Color => a.map((v, i) => v + (b[i] - v) * share) as never;

/** Pixels from the upper left. Coordinates are in pixels, may be fractions, and may lie outside. */
export class Canvas {
  readonly width: number;
  readonly height: number;
  private readonly data: Float32Array;
  private clip: Box;

  constructor(width: number, height: number, background: Color) {
    this.width = width;
    this.height = height;
    this.data = new Float32Array(3 * width * height);
    this.clip = { x: 0, y: 0, width, height };
    this.fill(this.clip, () => background);
  }

  /** Draws what `draw` draws within a box alone. */
  within(box: Box, draw: () => void): void {
    const before = this.clip;
    this.clip = box;
    draw();
    this.clip = before;
  }

  /** Colours every pixel of a box by its shares of the way from left to right and from top to bottom. */
  fill({ x, y, width, height }: Box, color: (across: number, down: number) => Color): void {
    for (let j = Math.max(0, y); j < Math.min(this.height, y + height); j++) {
      for (let i = Math.max(0, x); i < Math.min(this.width, x + width); i++) {
        const filled = color((i - x + 0.5) / width, (j - y + 0.5) / height);
        for (let c = 0; c < 3; c++) this.data[3 * (j * this.width + i) + c] = filled[c];
      }
    }
  }

  /** Draws lines through dots, with round ends and joints; one dot alone is a disc. They do not darken where they cross. */
  stroke(lines: readonly (readonly Dot[])[], width: number, color: Color, alpha = 1): void {
    const reach = width / 2 + 1;
    const dots = lines.flat();
    const left = Math.max(this.clip.x, Math.floor(least(dots, 0) - reach));
    const right = Math.min(this.clip.x + this.clip.width, Math.ceil(-least(dots, 0, -1) + reach));
    const top = Math.max(this.clip.y, Math.floor(least(dots, 1) - reach));
    const bottom = Math.min(this.clip.y + this.clip.height, Math.ceil(-least(dots, 1, -1) + reach));
    if (right <= left || bottom <= top) return;
    const columns = right - left;
    const cover = new Float32Array(columns * (bottom - top));
    for (const line of lines) {
      for (let k = 0; k < Math.max(1, line.length - 1); k++) {
        const [a, b] = [line[k], line[Math.min(k + 1, line.length - 1)]];
        const near = (axis: 0 | 1, low: number, high: number) => [
          Math.max(low, Math.floor(Math.min(a[axis], b[axis]) - reach)),
          Math.min(high, Math.ceil(Math.max(a[axis], b[axis]) + reach)),
        ];
        const [fromX, toX] = near(0, left, right);
        const [fromY, toY] = near(1, top, bottom);
        for (let y = fromY; y < toY; y++) {
          for (let x = fromX; x < toX; x++) {
            const inside = Math.min(1, width / 2 + 0.5 - distance(x + 0.5, y + 0.5, a, b));
            const at = (y - top) * columns + x - left;
            if (inside > cover[at]) cover[at] = inside;
          }
        }
      }
    }
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) {
        const share = alpha * cover[(y - top) * columns + x - left];
        const at = 3 * (y * this.width + x);
        for (let c = 0; share > 0 && c < 3; c++) this.data[at + c] += share * (color[c] - this.data[at + c]);
      }
    }
  }

  text(text: string, x: number, y: number, { size, color, align = 'left', bold = false }: TextOptions): void {
    const shift = align === 'left' ? 0 : widthOf(text, size) / (align === 'center' ? 2 : 1);
    const lines = strokesOf(text, size).map((line) => line.map(([dx, dy]): Dot => [x - shift + dx, y - dy]));
    this.stroke(lines, size * (bold ? 0.115 : 0.085), color);
  }

  /** The bytes of a PNG file. */
  png(): Uint8Array {
    const { width, height } = this;
    return encode({ width, height, channels: 3, data: new Uint8ClampedArray(this.data) });
  }
}

/** The smallest coordinate of dots; of their negatives for sign -1. */
const least = (dots: readonly Dot[], axis: 0 | 1, sign = 1) =>
  dots.reduce((low, dot) => Math.min(low, sign * dot[axis]), Number.POSITIVE_INFINITY);

/** From (x, y) to the line between two dots. */
function distance(x: number, y: number, a: Dot, b: Dot): number {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const length = dx * dx + dy * dy;
  const share = length > 0 ? Math.min(1, Math.max(0, ((x - a[0]) * dx + (y - a[1]) * dy) / length)) : 0;
  return Math.hypot(x - a[0] - share * dx, y - a[1] - share * dy);
}
