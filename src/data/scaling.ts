// Standardize and MinMax: (x - center) factor, for each feature or each channel.
import { add, div, mul, sub } from '../ops/elementwise.ts';
import { elementCount, type Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Dataset, Values } from './dataset.ts';
import { DataError } from './error.ts';
import { type Constants, eachRow, Preprocessor, type PreprocessorState } from './preprocess.ts';

/** What has its own numbers: each number of an example, or each channel of [C, ...]. */
export type Per = 'feature' | 'channel';

export interface ScalingState extends PreprocessorState {
  per: Per;
  center: number[];
  factor: number[];
}

type Names = 'center' | 'factor';

abstract class Scaling extends Preprocessor<Names> {
  /** What is subtracted, one for each feature or channel. */
  center: Float64Array = new Float64Array();
  /** What the difference is multiplied with. */
  factor: Float64Array = new Float64Array();
  protected per: Per;

  constructor(per: Per) {
    super();
    if (per !== 'feature' && per !== 'channel')
      throw new DataError(`scaling: expected per as feature or channel, got ${per}`);
    this.per = per;
  }

  /** @internal How many groups of numbers an example has. */
  protected groups({ shape }: { shape: Shape }): number {
    if (this.per === 'channel' && shape.length === 0)
      throw new DataError('scaling: expected examples [C, ...] with channels, got single numbers');
    return this.per === 'channel' ? shape[0] : elementCount(shape);
  }

  /** @internal */
  protected found(shape: Shape, center: Float64Array, factor: Float64Array): this {
    this.dispose();
    this.shape = [...shape];
    this.center = center;
    this.factor = factor;
    return this;
  }

  /** @internal */
  protected take({ kind, shape, center, factor }: ScalingState): this {
    if (kind !== this.kind || center?.length !== factor?.length) {
      throw new DataError(`${this.kind}.from: expected the state of one, got one of ${kind}`);
    }
    return this.found(shape, Float64Array.from(center), Float64Array.from(factor));
  }

  state(): ScalingState {
    const shape = [...this.fitted('state')];
    const [center, factor] = [[...this.center], [...this.factor]];
    return { kind: this.kind, shape, per: this.per, center, factor };
  }

  /** @internal */
  protected constants(): Constants<Names> {
    const whole = this.shape!;
    const shape = this.per === 'channel' ? [whole[0], ...whole.slice(1).fill(1)] : whole;
    return { center: { shape, data: this.center }, factor: { shape, data: this.factor } };
  }

  /** @internal */
  protected forward(x: Tensor, { center, factor }: Record<Names, Tensor>): Tensor {
    return mul(sub(x, center), factor);
  }

  /** @internal */
  protected backward(y: Tensor, { center, factor }: Record<Names, Tensor>): Tensor {
    return add(div(y, factor), center);
  }

  /** @internal */
  protected row(x: Values, from: number, out: Float32Array, to: number): void {
    const { center, factor } = this;
    const each = elementCount(this.shape!) / center.length;
    for (let group = 0, k = 0; group < center.length; group++) {
      for (let i = 0; i < each; i++, k++) out[to + k] = (x[from + k] - center[group]) * factor[group];
    }
  }
}

export interface StandardizeOptions {
  /** Default: feature. */
  per?: Per;
  /** Whether the mean is subtracted. Default true. */
  mean?: boolean;
  /** Whether the values are divided by their standard deviation. Default true. */
  std?: boolean;
}

/**
 * Mean subtraction, and scaling to variance 1: (x - mean) / std, where the variance is that of all examples, divided by
 * their number. What is constant is only shifted.
 */
export class Standardize extends Scaling {
  readonly kind = 'Standardize';
  private readonly options: { mean: boolean; std: boolean };

  constructor({ per = 'feature', mean = true, std = true }: StandardizeOptions = {}) {
    super(per);
    this.options = { mean, std };
  }

  static from(state: ScalingState): Standardize {
    return new Standardize({ per: state.per }).take(state);
  }

  /** Means and variances by merging those of each example (Chan, Golub and LeVeque). */
  fit(data: Dataset): this {
    const groups = this.groups(data);
    const each = elementCount(data.shape) / groups;
    const [means, squares] = [new Float64Array(groups), new Float64Array(groups)];
    let count = 0;
    eachRow('Standardize.fit', data, (x, from) => {
      const share = each / (count + each);
      for (let group = 0, k = from; group < groups; group++, k += each) {
        let mean = 0;
        for (let i = k; i < k + each; i++) mean += x[i];
        mean /= each;
        let square = 0;
        for (let i = k; i < k + each; i++) square += (x[i] - mean) ** 2;
        const away = mean - means[group];
        means[group] += away * share;
        squares[group] += square + away * away * count * share;
      }
      count += each;
    });
    const { mean, std } = this.options;
    const factor = squares.map((square, group) => {
      const deviation = Math.sqrt(square / count);
      // Rounding leaves a constant with a deviation that is nothing beside its value.
      return std && deviation > 1e-12 * Math.abs(means[group]) ? 1 / deviation : 1;
    });
    return this.found(data.shape, mean ? means : means.fill(0), factor);
  }
}

export interface MinMaxOptions {
  /** Default: feature. */
  per?: Per;
  /** What the smallest and the largest value become. Default: 0 and 1. */
  range?: readonly [low: number, high: number];
}

/** Scaling to a range: low + (x - min) (high - low) / (max - min). What is constant becomes `low`. */
export class MinMax extends Scaling {
  readonly kind = 'MinMax';
  private readonly range: readonly [number, number];

  constructor({ per = 'feature', range = [0, 1] }: MinMaxOptions = {}) {
    super(per);
    if (!(Number.isFinite(range[0]) && Number.isFinite(range[1]) && range[0] < range[1])) {
      throw new DataError(`MinMax: expected a range [low, high], got [${range}]`);
    }
    this.range = range;
  }

  static from(state: ScalingState): MinMax {
    return new MinMax({ per: state.per }).take(state);
  }

  fit(data: Dataset): this {
    const groups = this.groups(data);
    const each = elementCount(data.shape) / groups;
    const least = new Float64Array(groups).fill(Number.POSITIVE_INFINITY);
    const most = new Float64Array(groups).fill(Number.NEGATIVE_INFINITY);
    eachRow('MinMax.fit', data, (x, from) => {
      for (let group = 0, k = from; group < groups; group++) {
        for (let i = 0; i < each; i++, k++) {
          if (x[k] < least[group]) least[group] = x[k];
          if (x[k] > most[group]) most[group] = x[k];
        }
      }
    });
    const [low, high] = this.range;
    const factor = least.map((min, group) => (most[group] > min ? (high - low) / (most[group] - min) : 1));
    return this.found(
      data.shape,
      least.map((min, group) => min - low / factor[group]),
      factor,
    );
  }
}
