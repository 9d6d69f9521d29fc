// Contour lines of a surface, by marching squares, and its heights for shading.
import type { Surface } from './surfaces.ts';

/** Heights from 0, the lowest within the bounds, to 1, the highest; by row from the smallest y on. */
export interface HeightMap {
  columns: number;
  rows: number;
  heights: Float64Array;
}

/** Heights at the corners of a grid of columns - 1 by rows - 1 cells over the surface's bounds. */
export function heightMap({ value, bounds, power }: Surface, columns: number, rows: number): HeightMap {
  const at = ([low, high]: readonly [number, number], i: number, n: number) => low + ((high - low) * i) / (n - 1);
  const heights = new Float64Array(columns * rows);
  for (let j = 0; j < rows; j++) {
    for (let i = 0; i < columns; i++) {
      heights[j * columns + i] = value(at(bounds.x, i, columns), at(bounds.y, j, rows));
    }
  }
  const least = heights.reduce((a, b) => Math.min(a, b));
  const most = heights.reduce((a, b) => Math.max(a, b));
  return { columns, rows, heights: heights.map((v) => ((v - least) / (most - least)) ** power) };
}

/** A piece of a contour line, in shares of the picture from its left and its lower edge. */
export type Piece = readonly [x1: number, y1: number, x2: number, y2: number];

/**
 * The pieces of the line where the height is `level`. In each cell the level is crossed on 0, 2 or 4 sides; 4 are joined as
 * the mean of the corners says whether the cell's middle is above or below.
 */
export function contour({ columns, rows, heights }: HeightMap, level: number): Piece[] {
  const pieces: Piece[] = [];
  for (let j = 0; j + 1 < rows; j++) {
    for (let i = 0; i + 1 < columns; i++) {
      const at = j * columns + i;
      // Counter-clockwise from the lower left.
      const [a, b, c, d] = [heights[at], heights[at + 1], heights[at + columns + 1], heights[at + columns]];
      if (Math.min(a, b, c, d) >= level || Math.max(a, b, c, d) < level) continue;
      const corners = [a, b, c, d];
      const above = corners.map((height) => height >= level);
      const crossings: [number, number][] = [];
      for (let side = 0; side < 4; side++) {
        const [from, to] = [corners[side], corners[(side + 1) % 4]];
        if (above[side] === above[(side + 1) % 4]) continue;
        const share = (level - from) / (to - from);
        const [x, y] = [
          [share, 0],
          [1, share],
          [1 - share, 1],
          [0, 1 - share],
        ][side];
        crossings.push([(i + x) / (columns - 1), (j + y) / (rows - 1)]);
      }
      if (crossings.length === 2) pieces.push([...crossings[0], ...crossings[1]]);
      if (crossings.length < 4) continue;
      // Bottom, right, top, left. A middle as high as the lower left joins it to the upper right: lines go around the others.
      const middle = (corners[0] + corners[1] + corners[2] + corners[3]) / 4 >= level;
      const first = middle === above[0] ? 0 : 1;
      pieces.push([...crossings[first], ...crossings[first + 1]]);
      pieces.push([...crossings[first + 2], ...crossings[(first + 3) % 4]]);
    }
  }
  return pieces;
}
