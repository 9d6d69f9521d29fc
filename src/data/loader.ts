// DataLoader: shuffled batches as tensors on the device, the next one made while the device computes; stream: from an iterable.
import { tensor } from '../tensor/creation.ts';
import { type Device, defaultDevice } from '../tensor/device.ts';
import { nextStream, type Stream, shuffled } from '../tensor/random.ts';
import { moveTo, type Scoped } from '../tensor/scope.ts';
import { elementCount, format, type Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { ahead } from './ahead.ts';
import { type Example, flatten, rowsOf, toLabels } from './arrays.ts';
import { checkBatch } from './check.ts';
import { type Batch, type Values, whereIs } from './dataset.ts';
import { DataError } from './error.ts';

/** What a loader reads: any Dataset, or something that has to wait for its batches, such as for files. */
export interface Source {
  readonly length: number;
  batch(indices: ArrayLike<number>): Batch<Values, Values> | Promise<Batch<Values, Values>>;
  /** What a Dataset says of itself: whether its numbers need no look, the names of its classes, and of its examples. */
  readonly checked?: boolean;
  readonly classes?: readonly string[];
  where?(index: number): string;
}

export interface StreamOptions {
  /** Default 64. */
  batchSize?: number;
  /** Whether the last batch is left out where it is smaller than the others. Default false. */
  dropLast?: boolean;
  /** Batches that are made and uploaded ahead. Default 1. */
  prefetch?: number;
  /** Default: the device of init(). */
  device?: Device;
  /** Applied to x on the device, such as data.augment.flip(). */
  augment?: (x: Tensor) => Tensor;
}

export interface LoaderOptions extends StreamOptions {
  /** Whether every epoch has its own random order. Default false. */
  shuffle?: boolean;
}

/** Tensors of a batch: they live until the next batch is asked for; keep(x) lets one live on. */
export interface TensorBatch {
  x: Tensor;
  y: Tensor;
}

/** Where a loader stands, as JSON: the next example to hand out is number `index` of `epoch`, both from 0. */
export interface LoaderState {
  seed: number;
  stream: number;
  epoch: number;
  index: number;
  length: number;
}

/**
 * The order of the examples in an epoch: a function of the stream and the epoch alone. An epoch has its own stream, 2^32
 * further on, where the streams of other random calls do not get to.
 */
export const epochOrder = (n: number, { seed, stream }: Stream, epoch: number): Uint32Array =>
  shuffled(n, { seed, stream: stream + epoch * 2 ** 32 });

function checkOptions(what: string, { batchSize = 64, prefetch = 1 }: StreamOptions): void {
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new RangeError(`${what}: expected a batch size of at least 1, got ${batchSize}`);
  }
  if (!Number.isInteger(prefetch) || prefetch < 0) {
    throw new RangeError(`${what}: expected prefetch as a whole number of at least 0, got ${prefetch}`);
  }
}

/** Puts batches on the device ahead of time, and hands them out one by one. */
async function* onDevice(
  next: () => Promise<Batch<Values, Values> | null>,
  { prefetch = 1, device = defaultDevice(), augment }: StreamOptions,
  handOut: (count: number) => void,
): AsyncGenerator<TensorBatch, void> {
  /** Tensors of the batch that the consumer has: what keep() took out of here stays. */
  const given = new Set<Scoped>();
  const upload = async () => {
    const batch = await next();
    if (!batch) return null;
    const { x, y, shape, yShape = [shape[0]] } = batch;
    const made = { x: tensor(x, { shape, device }), y: tensor(y, { shape: yShape, device }) };
    moveTo(made.x, null);
    moveTo(made.y, null);
    return made;
  };
  const release = () => {
    for (const item of given) item.dispose();
  };
  const dispose = ({ x, y }: TensorBatch) => {
    x.dispose();
    y.dispose();
  };
  try {
    for await (const { x, y } of ahead(upload, prefetch, dispose)) {
      release();
      handOut(x.shape[0]);
      for (const item of [x, y]) moveTo(item, given);
      // Now, and not ahead: random ops take their streams in the order of the program, so that a seed gives the same again.
      const changed = augment ? augment(x) : x;
      if (changed !== x) {
        moveTo(changed, given);
        x.dispose();
      }
      yield { x: changed, y };
    }
  } finally {
    release();
  }
}

/**
 * Batches of a dataset as tensors. `for await (const { x, y } of loader)` runs through one epoch, from where the loader
 * stands; after a `break` the next loop goes on behind the last batch. A batch with a NaN or a label out of range is a
 * DataError that names the row, when it would be handed out, unless the data says that it is `checked`. The host makes
 * and uploads the next batches while the consumer waits for the device. The order comes from the seed: the loader takes
 * a random stream when it is made.
 */
export class DataLoader {
  readonly data: Source;
  private readonly options: LoaderOptions;
  private stream: Stream;
  private epoch = 0;
  /** Examples of the epoch that were handed out. */
  private index = 0;

  constructor(data: Source, options: LoaderOptions = {}) {
    checkOptions('DataLoader', options);
    if (data.length === 0) throw new DataError('DataLoader: expected at least one example, got none');
    this.data = data;
    this.options = options;
    this.stream = nextStream();
    if (this.length === 0) {
      throw new DataError(
        `DataLoader: ${data.length} examples make no batch of ${options.batchSize ?? 64} with dropLast`,
      );
    }
  }

  /** Batches in an epoch. */
  get length(): number {
    return Math.ceil(this.end / (this.options.batchSize ?? 64));
  }

  /** Examples of an epoch that are handed out. */
  private get end(): number {
    const { batchSize = 64, dropLast = false } = this.options;
    return dropLast ? this.data.length - (this.data.length % batchSize) : this.data.length;
  }

  /** Where the loader stands, behind the last batch that it handed out. restore() goes on from there, to the bit. */
  state(): LoaderState {
    return { ...this.stream, epoch: this.epoch, index: this.index, length: this.data.length };
  }

  /** Goes to where a state() stands, of a loader of as many examples. A loop that is under way ends with an Error. */
  restore({ seed, stream, epoch, index, length }: LoaderState): void {
    const whole = [seed, stream, epoch, index].every((n) => Number.isInteger(n) && n >= 0);
    if (!whole || length !== this.data.length || index >= length) {
      throw new DataError(
        `DataLoader: expected the state of a loader of ${this.data.length} examples, got example ${index} of ${length} in epoch ${epoch}`,
      );
    }
    this.stream = { seed, stream };
    // With another batch size and dropLast nothing may be left of the epoch.
    [this.epoch, this.index] = index < this.end ? [epoch, index] : [epoch + 1, 0];
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<TensorBatch, void> {
    const { data, end, epoch, stream } = this;
    const { batchSize = 64, shuffle = false } = this.options;
    const order = shuffle ? epochOrder(data.length, stream, epoch) : null;
    let [made, given] = [this.index, this.index];
    const next = async () => {
      if (made >= end) return null;
      const from = made;
      made = Math.min(from + batchSize, end);
      const indices = order?.subarray(from, made) ?? Array.from({ length: made - from }, (_, i) => from + i);
      const batch = await data.batch(indices);
      if (!data.checked) {
        const where = (at: number) => whereIs(data, indices[at]);
        const shape = batch.shape.slice(1);
        checkBatch(batch, { where, count: indices.length, shape, names: data.classes ?? null });
      }
      return batch;
    };
    const handOut = (count: number) => {
      if (this.stream !== stream || this.epoch !== epoch || this.index !== given) {
        throw new Error('DataLoader: restored, or read by another loop, in the midst of this one');
      }
      given += count;
      this.index = given;
      if (given >= end) [this.epoch, this.index] = [epoch + 1, 0];
    };
    yield* onDevice(next, this.options, handOut);
  }
}

/**
 * Batches of what an iterable or async iterable of examples gives, as tensors, without holding all: for data that has
 * no end, or does not fit into memory. x gets the shape [n, ...shape], by default [n, its length]. y becomes int32
 * where `labels` is set, else float32. Throws a DataError that names the row, after `name` where it is given, of an
 * example that differs in length, lacks x or y, or holds a NaN or a label that is none, when its batch would be handed
 * out.
 */
export async function* stream(
  examples: Iterable<Example> | AsyncIterable<Example>,
  { shape, labels = false, name, ...options }: StreamOptions & { shape?: Shape; labels?: boolean; name?: string } = {},
): AsyncGenerator<TensorBatch, void> {
  checkOptions('stream', options);
  const { batchSize = 64, dropLast = false } = options;
  const source = Symbol.asyncIterator in examples ? examples[Symbol.asyncIterator]() : examples[Symbol.iterator]();
  let row = 0;
  const next = async (): Promise<Batch<Values, Values> | null> => {
    const some: Example[] = [];
    while (some.length < batchSize) {
      const { done, value } = await source.next();
      if (done) break;
      some.push(value);
    }
    const n = some.length;
    if (n === 0 || (dropLast && n < batchSize)) return null;
    const from = row;
    row += n;
    const where = (at: number) => rowsOf(name)(from + at);
    const { x, y, size, each } = flatten(some, where);
    const example = shape ?? [size];
    if (elementCount(example) !== size) {
      throw new DataError(`${where(0)}: expected x of ${format(example)}, got ${size} numbers`);
    }
    const batch = {
      ...{ x: Float32Array.from(x), shape: [n, ...example] },
      y: labels ? toLabels(y, (at) => where(Math.floor(at / each))) : Float32Array.from(y),
      yShape: each === 1 ? [n] : [n, each],
    };
    checkBatch(batch, { where, count: n, shape: example, names: null });
    return batch;
  };
  try {
    yield* onDevice(next, options, () => {});
  } finally {
    await source.return?.();
  }
}
