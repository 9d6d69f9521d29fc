// tensorBoard(): a callback that writes a training run as event files.
import { encode } from 'fast-png';
import { EventFile, type EventHistogram, type EventImage, type EventValue } from '../io/tensorboard.node.ts';
import type { Callback } from './callback.ts';
import { ratioOf } from './diagnosis.ts';
import type { FiltersRecord, MonitorRecord, ProbeRecord, Spread } from './monitor-records.ts';

/** The callback, and where records of monitors go: `monitors({ write: board.write })`. */
export interface TensorBoard extends Callback {
  write(record: MonitorRecord): void;
  /** The event file. */
  readonly path: string;
}

/**
 * Writes the course of a run into a new event file in `folder`: loss, accuracy, learning rate and images a second of each step,
 * losses and accuracies of each epoch, and what monitors record: sizes of updates, spreads and histograms of outputs and of
 * gradients, dead and saturated shares, memory, filters as images. Throws the system's error where it cannot write.
 *
 *     const board = tensorBoard('runs/first');
 *     await fit(model, { ...options, callbacks: [board, monitors({ write: board.write })] });
 */
export function tensorBoard(folder: string): TensorBoard {
  const file = new EventFile(folder);
  return {
    onStep: ({ step, loss, accuracy, lr, imagesPerSecond }) =>
      file.add(
        step,
        scalars({
          'loss/step': loss,
          'accuracy/step': accuracy,
          'speed/images a second': imagesPerSecond,
          'rate/learning rate': lr,
        }),
      ),
    onEpoch: ({ trainLoss, trainAccuracy, validationLoss, validationAccuracy }, { step }) =>
      file.add(
        step,
        scalars({
          ...{ 'loss/training epoch': trainLoss, 'loss/validation': validationLoss },
          ...{ 'accuracy/training epoch': trainAccuracy, 'accuracy/validation': validationAccuracy },
        }),
      ),
    write: (record) => file.add(record.step, record.kind === 'probe' ? probeValues(record) : [filterValue(record)]),
    path: file.path,
  };
}

const scalars = (values: Record<string, number | null>): EventValue[] =>
  Object.entries(values).flatMap(([tag, scalar]) => (scalar === null ? [] : [{ tag, scalar }]));

function probeValues({ parameters, layers, memory }: ProbeRecord): EventValue[] {
  const spread = (what: string, name: string, { mean, std, histogram }: Spread): EventValue[] => [
    ...scalars({ [`${what} mean/${name}`]: mean, [`${what} std/${name}`]: std }),
    ...(histogram ? [{ tag: `${what}/${name}`, histogram: eventHistogram(histogram, mean, std) }] : []),
  ];
  return [
    ...scalars({ 'memory/bytes in tensors': memory.bytes, 'memory/bytes held': memory.reserved }),
    ...parameters.flatMap((parameter) => scalars({ [`updates/${parameter.name}`]: ratioOf(parameter) })),
    ...layers.flatMap(({ name, type, activation, gradient, zeros, saturated, dead, units }) => {
      const title = `${name} ${type}`;
      return [
        ...spread('outputs', title, activation),
        ...(gradient ? spread('gradients', title, gradient) : []),
        ...scalars({
          [`zeros/${title}`]: zeros,
          [`saturated/${title}`]: saturated,
          [`dead/${title}`]: dead && dead.length / units,
        }),
      ];
    }),
  ];
}

/** The bins as they are; the sums from mean and standard deviation, as if all values were in the bins. */
function eventHistogram(
  { min, max, counts }: NonNullable<Spread['histogram']>,
  mean: number | null,
  std: number | null,
): EventHistogram {
  const count = counts.reduce((a, b) => a + b, 0);
  const width = (max - min) / counts.length;
  const limits = counts.map((_, i) => (i === counts.length - 1 ? max : min + (i + 1) * width));
  const [center, spread] = [mean ?? 0, std ?? 0];
  return { min, max, counts, limits, count, sum: center * count, squares: (spread ** 2 + center ** 2) * count };
}

const filterValue = (record: FiltersRecord): EventValue => ({
  tag: `filters/${record.name}`,
  image: filterImage(record),
});

/** Pixels that a filter is wide at least. */
const FILTER_WIDTH = 32;

/** All filters in one picture: of three channels in their colours, of others each channel in grey; 0 is middle grey. */
export function filterImage({ shape, data }: Pick<FiltersRecord, 'shape' | 'data'>): EventImage {
  const [out, channels, rows, columns] = shape;
  const colours = channels === 3;
  const tiles = colours ? out : out * channels;
  const across = Math.ceil(Math.sqrt(tiles));
  const scale = Math.ceil(FILTER_WIDTH / columns);
  const [wide, high] = [columns * scale + 2, rows * scale + 2];
  const [width, height] = [across * wide, Math.ceil(tiles / across) * high];
  const most = data.reduce((top, value) => Math.max(top, Math.abs(value)), 0) || 1;
  const pixels = new Uint8Array(3 * width * height).fill(255);
  for (let tile = 0; tile < tiles; tile++) {
    for (let y = 0; y < rows * scale; y++) {
      for (let x = 0; x < columns * scale; x++) {
        const at = (1 + y + high * Math.floor(tile / across)) * width + 1 + x + wide * (tile % across);
        const inner = Math.floor(y / scale) * columns + Math.floor(x / scale);
        for (let c = 0; c < 3; c++) {
          const plane = colours ? 3 * tile + c : tile;
          pixels[3 * at + c] = Math.round(127.5 * (1 + data[plane * rows * columns + inner] / most));
        }
      }
    }
  }
  return { width, height, channels: 3, png: encode({ width, height, channels: 3, depth: 8, data: pixels }) };
}
