// What the tests of ensembles share: points in a plane to classify, small networks that learn them, and their training.
import { type Batch, fit as fitModel, type ImageSet, nn, optim } from 'downhill';
import { normal } from '../src/tensor/random.ts';
import { owned } from './training.ts';

const CLASSES = 3;

/** Points in a plane, in three arms of a spiral with noise: small networks each learn it a little wrong. */
function spiral(n: number, seed: number): Pick<ImageSet, 'length' | 'batch'> {
  const noise = normal(n, { seed, stream: 1 });
  const points = Array.from({ length: n }, (_, i) => {
    const label = i % CLASSES;
    const r = 0.1 + (0.9 * i) / n;
    const angle = (2 * Math.PI * label) / CLASSES + 3 * r + 0.3 * noise[i];
    return { label, x: [r * Math.sin(angle), r * Math.cos(angle)] };
  });
  return {
    length: n,
    batch(indices): Batch {
      const chosen = Array.from(indices, (i) => points[i]);
      return {
        x: Float32Array.from(chosen.flatMap(({ x }) => x)),
        y: Int32Array.from(chosen, ({ label }) => label),
        shape: [chosen.length, 2],
      };
    },
  };
}

export const [training, held] = [spiral(90, 1), spiral(600, 2)];
export const small = (hidden = 12) =>
  new nn.Sequential(new nn.Linear(2, hidden), new nn.Tanh(), new nn.Linear(hidden, CLASSES));

/** Trains on the points, a few epochs. */
export async function train(model: nn.Module, epochs = 20): Promise<void> {
  const optimizer = owned(new optim.Adam(model.parameters(), { lr: 0.1 }));
  // What fit and evaluate ask of a set of images is its length and its batches.
  await fitModel(model, { data: training as ImageSet, optimizer, epochs, batchSize: 30 });
}
