// What every preprocessing has: fitted once on the training data, in float64; applied to tensors on the device, or on the host.
import { tensor } from '../tensor/creation.ts';
import type { Device } from '../tensor/device.ts';
import { ShapeError } from '../tensor/errors.ts';
import { tracing } from '../tensor/live.ts';
import { keep, scope } from '../tensor/scope.ts';
import { elementCount, format, type Shape, sameShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { firstBad } from './check.ts';
import { batchesOf, type Dataset, type Values, whereIs } from './dataset.ts';
import { DataError } from './error.ts';

/** What a preprocessing found, as plain JSON. */
export interface PreprocessorState {
  kind: string;
  /** Shape of an example. */
  shape: number[];
}

/** Numbers that are needed on a device, by name. */
export type Constants<K extends string> = Record<K, { shape: Shape; data: Float64Array }>;

/** Base of Standardize, MinMax, Pca and Whiten. Fit it on the training data only, and apply it to all. */
export abstract class Preprocessor<K extends string = string> {
  /** Name of the class, for states and messages. */
  abstract readonly kind: string;
  /** Shape of an example; null before fit(). */
  protected shape: Shape | null = null;
  private readonly devices = new Map<Device, Record<K, Tensor>>();

  /** Takes its numbers from all examples, and gives itself. Throws a DataError that names a row with NaN or Inf. */
  abstract fit(data: Dataset): this;
  /** Everything that fit() found, as JSON, for the class's from(). */
  abstract state(): PreprocessorState;

  /** @internal */
  protected abstract constants(): Constants<K>;
  /** @internal Examples [N, ...shape] transformed on their device. */
  protected abstract forward(x: Tensor, constants: Record<K, Tensor>): Tensor;
  /** @internal What forward() was given. */
  protected abstract backward(y: Tensor, constants: Record<K, Tensor>): Tensor;
  /** @internal Transforms the example at x[from] on the host, to out[to]. */
  protected abstract row(x: Values, from: number, out: Float32Array, to: number): void;

  /** Shape of a transformed example. */
  get outputShape(): Shape {
    return this.fitted('outputShape');
  }

  /** @internal The shape of an example. Throws before fit(). */
  protected fitted(call: string): Shape {
    if (!this.shape) throw new DataError(`${this.kind}.${call}: call fit(trainingData) first`);
    return this.shape;
  }

  /** Examples [N, ...shape] transformed on their device: [N, ...outputShape]. Works inside compile(), too. */
  transform(x: Tensor): Tensor {
    this.check('transform', x, this.fitted('transform'));
    return scope(() => this.forward(x, this.constantsOn(x.device)));
  }

  /** Transformed examples as they were before, [N, ...shape]; as near as can be where something was left out. */
  inverse(y: Tensor): Tensor {
    this.check('inverse', y, this.outputShape);
    return scope(() => this.backward(y, this.constantsOn(y.device)));
  }

  /** A view of a dataset that transforms each example on the host, in float64, when it is asked for. */
  dataset<Y extends Values>(data: Dataset<Y>): Dataset<Y, Float32Array> {
    const shape = this.fitted('dataset');
    if (!sameShape(data.shape, shape)) {
      throw new ShapeError(`${this.kind}.dataset: expected examples of ${format(shape)}, got ${format(data.shape)}`);
    }
    const [size, outputShape] = [elementCount(shape), this.outputShape];
    const outputSize = elementCount(outputShape);
    return {
      length: data.length,
      shape: outputShape,
      ...(data.classes ? { classes: data.classes } : {}),
      ...(data.partial ? { partial: true } : {}),
      where: (index) => whereIs(data, index),
      batch: (indices) => {
        const { x, ...rest } = data.batch(indices);
        const n = indices.length;
        const out = new Float32Array(n * outputSize);
        for (let i = 0; i < n; i++) this.row(x, i * size, out, i * outputSize);
        return { ...rest, x: out, shape: [n, ...outputShape] };
      },
    };
  }

  /** Gives the memory on devices back; transform() takes it again. */
  dispose(): void {
    for (const constants of this.devices.values()) for (const x of Object.values<Tensor>(constants)) x.dispose();
    this.devices.clear();
  }

  private check(call: string, x: Tensor, shape: Shape): void {
    if (x.rank > 0 && x.dtype === 'float32' && sameShape(x.shape.slice(1), shape)) return;
    const expected = ['N', ...shape].join(',');
    throw new ShapeError(
      `${this.kind}.${call}: expected float32 examples [${expected}], got ${format(x.shape)} of ${x.dtype}`,
    );
  }

  /** Put on a device once. What is made inside a trace belongs to the trace. */
  private constantsOn(device: Device): Record<K, Tensor> {
    const known = this.devices.get(device);
    if (known && !Object.values<Tensor>(known).some((constant) => constant.released)) return known;
    const made: [string, Tensor][] = [];
    for (const [name, { shape, data }] of Object.entries<Constants<K>[K]>(this.constants())) {
      const constant = tensor(data, { shape, device });
      made.push([name, tracing() ? constant : keep(constant)]);
    }
    const constants = Object.fromEntries(made) as Record<K, Tensor>;
    if (!tracing()) this.devices.set(device, constants);
    return constants;
  }
}

/** Shows all examples, one by one: the numbers from x[from] on. Throws a DataError that names a row with NaN or Inf. */
export function eachRow(call: string, data: Dataset, use: (x: Values, from: number) => void): void {
  if (data.length === 0) throw new DataError(`${call}: expected at least one example, got none`);
  const size = elementCount(data.shape);
  for (const { batch, from, count } of batchesOf(data)) {
    const bad = firstBad(batch.x);
    if (bad >= 0) {
      const row = Math.floor(bad / size);
      throw new DataError(`${call}: ${whereIs(data, from + row)}: x is ${batch.x[bad]} at element ${bad % size}`);
    }
    for (let i = 0; i < count; i++) use(batch.x, i * size);
  }
}
