// Values of inputs and parameters: a hash of seed and index, so that every library, torch_child.py too, makes the same bits.

/** What to fill an array with: `scale` times a number from -1 up to 1, or a constant. */
export type Fill = { seed: number; scale: number } | { constant: number };

/** The fill's value at an index, a float32. The finalizer is that of MurmurHash3 (Appleby). */
export function valueAt(fill: Fill, index: number): number {
  if ('constant' in fill) return fill.constant;
  let h = (index + Math.imul(fill.seed, 0x9e3779b9)) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  h ^= h >>> 16;
  return Math.fround(fill.scale * ((h >>> 8) / 2 ** 23 - 1));
}

/** `size` values, those at indices 0, 1, ... or at `index(i)`. */
export function values(fill: Fill, size: number, index = (i: number) => i): Float32Array<ArrayBuffer> {
  const out = new Float32Array(size);
  for (let i = 0; i < size; i++) out[i] = valueAt(fill, index(i));
  return out;
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

/** About `most` indices, evenly spread over 0 to size - 1; all where there are no more. */
export function spread(size: number, most: number): number[] {
  const count = Math.min(size, most);
  return Array.from({ length: count }, (_, i) => Math.floor((i * size) / count));
}
