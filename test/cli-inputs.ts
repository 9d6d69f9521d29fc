// What the commands are tried on: small folders of pictures, and modules.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { encode } from 'fast-png';

type Write = (path: string, content: string | Uint8Array) => Promise<void>;

/** Writes files of a test's own folder, of which `out` tells the paths. */
export const writer =
  (out: (path: string) => string): Write =>
  async (path, content) => {
    await mkdir(dirname(out(path)), { recursive: true });
    await writeFile(out(path), content);
  };

/** A picture of one color with some noise, RGB or gray. */
export function picture(color: readonly number[], seed: number, [width, height] = [8, 8]) {
  const channels = color.length as 1 | 3;
  const data = Uint8Array.from({ length: width * height * channels }, (_, i) =>
    Math.max(0, Math.min(255, color[i % channels] + ((i * 7919 + seed * 104_729) % 31) - 15)),
  );
  return encode({ width, height, channels, depth: 8, data });
}

export const module = `
import { nn, optim } from 'downhill';
import { hidden } from './hidden.ts';
interface Info { shape: readonly number[]; classes: number }
export const model = ({ shape, classes }: Info): nn.Module =>
  new nn.Sequential(new nn.Flatten(), new nn.Linear(shape.reduce((a, b) => a * b), hidden), new nn.ReLU(), new nn.Linear(hidden, classes));
export const data = 'photos';
export const optimizer = (parameters: Iterable<never>) => new optim.SGD(parameters, { lr: 0.02 });
`;

/** A straight line, with data and a loss of its own. */
export const line = `
import { nn, optim } from 'downhill';
export const model = new nn.Linear(2, 1);
const part = (length) => ({
  length,
  batch: (indices) => ({
    x: Float32Array.from([...indices].flatMap((i) => [i % 5, i % 3])),
    y: Float32Array.from(indices, (i) => 2 * (i % 5) - (i % 3)),
    shape: [indices.length, 2],
    yShape: [indices.length, 1],
  }),
});
export const data = () => ({ train: part(60), test: part(15) });
export const loss = (output, target) => output.sub(target).square().mean();
`;

/** Pictures in two classes and two without, and two modules. */
export async function prepare(write: Write): Promise<void> {
  const colors = { blue: [30, 40, 200], red: [200, 40, 30] };
  for (const [name, color] of Object.entries(colors)) {
    for (let i = 0; i < 12; i++) await write(`photos/${name}/${i}.png`, picture(color, i));
  }
  await write('blue.png', picture(colors.blue, 77, [16, 12]));
  await write('gray.png', picture([200], 1, [28, 28]));
  await write('my-model.ts', module);
  await write('hidden.ts', 'export const hidden: number = 6;');
  await write('line.js', line);
}
