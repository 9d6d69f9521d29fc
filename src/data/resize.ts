// Resizes planes of pixels: linear interpolation, over as many pixels as one covers where the image gets smaller.

/** For each place of the output: the first input that counts, and the weights from there on, which sum to 1. */
function weightsOf(from: number, to: number): { first: number; weights: number[] }[] {
  const scale = from / to;
  // The triangle is as wide as the larger of both pixels, so that nothing is skipped.
  const width = Math.max(1, scale);
  return Array.from({ length: to }, (_, i) => {
    const center = (i + 0.5) * scale - 0.5;
    const first = Math.max(0, Math.ceil(center - width));
    const last = Math.min(from - 1, Math.floor(center + width));
    const raw = Array.from({ length: last - first + 1 }, (_, k) =>
      Math.max(0, 1 - Math.abs(first + k - center) / width),
    );
    const sum = raw.reduce((total, weight) => total + weight, 0);
    return { first, weights: raw.map((weight) => weight / sum) };
  });
}

/** Pixels [C, H, W] as [C, height, width], of the same type, rounded. */
export function resize<T extends Uint8Array | Uint16Array>(
  pixels: T,
  [C, H, W]: readonly number[],
  [height, width]: readonly [number, number],
): T {
  if (H === height && W === width) return pixels;
  const [rows, columns] = [weightsOf(H, height), weightsOf(W, width)];
  const out = new (pixels.constructor as new (n: number) => T)(C * height * width);
  const line = new Float64Array(W);
  for (let c = 0; c < C; c++) {
    rows.forEach(({ first, weights }, y) => {
      line.fill(0);
      weights.forEach((weight, k) => {
        const at = (c * H + first + k) * W;
        for (let x = 0; x < W; x++) line[x] += weight * pixels[at + x];
      });
      columns.forEach(({ first: left, weights: across }, x) => {
        const sum = across.reduce((total, weight, k) => total + weight * line[left + k], 0);
        out[(c * height + y) * width + x] = Math.round(sum);
      });
    });
  }
  return out;
}
