// Pca and Whiten: examples in the directions of their largest variance, from the covariance in float64.
import { add, sub } from '../ops/elementwise.ts';
import { matmul } from '../ops/matmul.ts';
import { reshape } from '../ops/movement.ts';
import { elementCount, type Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Dataset, Values } from './dataset.ts';
import { type Eigen, symmetricEigen } from './eigen.ts';
import { DataError } from './error.ts';
import { type Constants, eachRow, Preprocessor, type PreprocessorState } from './preprocess.ts';

/** Features that covariance and eigenvectors are made for: at 4096 the matrix has 128 MiB, and 9 n^3 operations take minutes. */
const MOST_FEATURES = 4096;

/** Rows that are added to the covariance together, while a part of it is at hand. */
const BLOCK = 8;

export interface ProjectionState extends PreprocessorState {
  mean: number[];
  variances: number[];
  totalVariance: number;
  /** Row by row. */
  components: number[];
  eps: number;
  zca: boolean;
}

type Names = 'mean' | 'into' | 'back';

/** The covariance [D, D] of all examples, divided by their number less 1, and their mean. */
function covariance(call: string, data: Dataset): { mean: Float64Array; matrix: Float64Array } {
  const D = elementCount(data.shape);
  if (D < 1 || D > MOST_FEATURES) {
    throw new DataError(`${call}: expected 1 to ${MOST_FEATURES} features, got ${D} in [${data.shape}]`);
  }
  if (data.length < 2) throw new DataError(`${call}: expected at least 2 examples, got ${data.length}`);
  const mean = new Float64Array(D);
  let count = 0;
  eachRow(call, data, (x, from) => {
    count++;
    for (let k = 0; k < D; k++) mean[k] += (x[from + k] - mean[k]) / count;
  });
  const matrix = new Float64Array(D * D);
  const block = new Float64Array(BLOCK * D);
  let filled = 0;
  const flush = () => {
    for (let i = 0; i < D; i++) {
      const at = i * D;
      for (let b = 0; b < filled; b += 4) {
        const [r0, r1, r2, r3] = [b * D, (b + 1) * D, (b + 2) * D, (b + 3) * D];
        const [v0, v1, v2, v3] = [block[r0 + i], block[r1 + i], block[r2 + i], block[r3 + i]];
        if (v0 === 0 && v1 === 0 && v2 === 0 && v3 === 0) continue;
        for (let j = i; j < D; j++) {
          matrix[at + j] += v0 * block[r0 + j] + v1 * block[r1 + j] + v2 * block[r2 + j] + v3 * block[r3 + j];
        }
      }
    }
    block.fill(0);
    filled = 0;
  };
  eachRow(call, data, (x, from) => {
    for (let k = 0; k < D; k++) block[filled * D + k] = x[from + k] - mean[k];
    if (++filled === BLOCK) flush();
  });
  flush();
  for (let i = 0; i < D; i++) {
    for (let j = i; j < D; j++) {
      matrix[i * D + j] /= count - 1;
      matrix[j * D + i] = matrix[i * D + j];
    }
  }
  return { mean, matrix };
}

/** How many of the variances are wanted: a number, or enough for a share of their sum. */
function countOf(call: string, components: number | undefined, { values }: Eigen): number {
  const most = values.length;
  if (components === undefined) return most;
  if (components > 0 && components < 1) {
    const wanted = components * values.reduce((sum, value) => sum + value, 0);
    let sum = 0;
    const enough = values.findIndex((value) => {
      sum += value;
      return sum >= wanted;
    });
    return enough < 0 ? most : enough + 1;
  }
  if (!Number.isInteger(components) || components < 1 || components > most) {
    throw new DataError(`${call}: expected 1 to ${most} components, or a share between 0 and 1, got ${components}`);
  }
  return components;
}

abstract class Projection extends Preprocessor<Names> {
  /** Mean of each feature, [D]. */
  mean: Float64Array = new Float64Array();
  /** Directions of largest variance, each of length 1, [K, D]; the largest element of each is positive. */
  components: Float64Array = new Float64Array();
  /** Variance along each of them, [K], descending, with the number of examples less 1 as divisor. */
  variances: Float64Array = new Float64Array();
  /** Sum of the variances of all directions. */
  totalVariance = 0;
  /** @internal y = (x - mean) into, and x = y back + mean: [D, K'] and [K', D]. */
  protected into: Float64Array = new Float64Array();
  protected back: Float64Array = new Float64Array();
  protected readonly wanted: number | undefined;
  protected eps = 0;
  protected zca = false;

  constructor(components?: number) {
    super();
    this.wanted = components;
  }

  fit(data: Dataset): this {
    const call = `${this.kind}.fit`;
    const { mean, matrix } = covariance(call, data);
    const eigen = symmetricEigen(matrix, mean.length);
    // What is below rounding is no variance: examples that are fewer than features leave many directions without any.
    const rounding = mean.length * Number.EPSILON * eigen.values[0];
    eigen.values.forEach((value, i) => {
      if (value <= rounding) eigen.values[i] = 0;
    });
    const K = countOf(call, this.wanted, eigen);
    this.dispose();
    this.shape = [...data.shape];
    this.mean = mean;
    this.totalVariance = eigen.values.reduce((sum, value) => sum + value, 0);
    this.variances = eigen.values.slice(0, K);
    this.components = eigen.vectors.slice(0, K * mean.length);
    this.prepare();
    return this;
  }

  /** Makes the matrices: each component times a factor, and turned back to the features where zca is set. */
  private prepare(): void {
    const { components: u, mean, zca } = this;
    const [D, K] = [mean.length, this.variances.length];
    const factors = this.factors();
    const [into, back] = [new Float64Array(D * (zca ? D : K)), new Float64Array((zca ? D : K) * D)];
    for (let k = 0; k < K; k++) {
      // A direction in which nothing varies has factor 0, and nothing comes back from it.
      const inverse = factors[k] === 0 ? 0 : 1 / factors[k];
      for (let i = 0; i < D; i++) {
        const v = u[k * D + i];
        if (!zca) {
          into[i * K + k] = factors[k] * v;
          back[k * D + i] = inverse * v;
          continue;
        }
        const [a, b] = [factors[k] * v, inverse * v];
        for (let j = 0, at = i * D; j < D; j++, at++) {
          into[at] += a * u[k * D + j];
          back[at] += b * u[k * D + j];
        }
      }
    }
    this.into = into;
    this.back = back;
  }

  /** @internal What each component is multiplied with. */
  protected factors(): Float64Array {
    return this.variances.map(() => 1);
  }

  /** Share of the whole variance along each component, [K]. */
  get varianceShares(): Float64Array {
    return this.variances.map((variance) => (this.totalVariance > 0 ? variance / this.totalVariance : 0));
  }

  override get outputShape(): Shape {
    const shape = this.fitted('outputShape');
    return this.zca ? shape : [this.variances.length];
  }

  state(): ProjectionState {
    const shape = [...this.fitted('state')];
    const { eps, zca, totalVariance } = this;
    const [mean, variances, components] = [[...this.mean], [...this.variances], Array.from(this.components)];
    return { kind: this.kind, shape, mean, variances, totalVariance, components, eps, zca };
  }

  /** @internal */
  protected take(state: ProjectionState): this {
    const { kind, shape, mean, variances, components } = state;
    if (kind !== this.kind || components?.length !== mean?.length * variances?.length) {
      throw new DataError(`${this.kind}.from: expected the state of one, got one of ${kind}`);
    }
    this.shape = [...shape];
    [this.mean, this.variances] = [Float64Array.from(mean), Float64Array.from(variances)];
    this.components = Float64Array.from(components);
    [this.totalVariance, this.eps, this.zca] = [state.totalVariance, state.eps, state.zca];
    this.prepare();
    return this;
  }

  /** @internal */
  protected constants(): Constants<Names> {
    const D = this.mean.length;
    const K = this.into.length / D;
    return {
      mean: { shape: [D], data: this.mean },
      into: { shape: [D, K], data: this.into },
      back: { shape: [K, D], data: this.back },
    };
  }

  /** @internal */
  protected forward(x: Tensor, { mean, into }: Record<Names, Tensor>): Tensor {
    const rows = reshape(x, [x.shape[0], mean.size]);
    return reshape(matmul(sub(rows, mean), into), [x.shape[0], ...this.outputShape]);
  }

  /** @internal */
  protected backward(y: Tensor, { mean, back }: Record<Names, Tensor>): Tensor {
    const rows = reshape(y, [y.shape[0], back.shape[0]]);
    return reshape(add(matmul(rows, back), mean), [y.shape[0], ...this.shape!]);
  }

  /** @internal */
  protected row(x: Values, from: number, out: Float32Array, to: number): void {
    const { mean, into } = this;
    const K = into.length / mean.length;
    const sums = new Float64Array(K);
    for (let i = 0; i < mean.length; i++) {
      const v = x[from + i] - mean[i];
      for (let k = 0, at = i * K; k < K; k++, at++) sums[k] += v * into[at];
    }
    out.set(sums, to);
  }
}

export interface PcaOptions {
  /** How many directions are kept; or, between 0 and 1, so many that they have this share of the variance. Default: all. */
  components?: number;
}

/**
 * Principal components: y = (x - mean) U, along the directions of largest variance. inverse() gives the examples again, from
 * the components that were kept. Up to 4096 features; the work grows with N D^2 + 9 D^3, on the host.
 */
export class Pca extends Projection {
  readonly kind = 'Pca';

  constructor({ components }: PcaOptions = {}) {
    super(components);
  }

  static from(state: ProjectionState): Pca {
    return new Pca().take(state);
  }
}

export interface WhitenOptions extends PcaOptions {
  /** Added to each variance, so that directions in which little varies are not blown up. Default 1e-5. */
  eps?: number;
  /** Whether the result is turned back to the features, so that images stay images (ZCA). Default false. */
  zca?: boolean;
}

/**
 * Whitening: principal components over their standard deviations, y = (x - mean) U / sqrt(variance + eps), so that the
 * covariance is the identity. With `zca` that times U^T: of all whitened examples those nearest to the examples themselves.
 * Up to 4096 features, as Pca.
 */
export class Whiten extends Projection {
  readonly kind = 'Whiten';

  constructor({ components, eps = 1e-5, zca = false }: WhitenOptions = {}) {
    super(components);
    if (!(eps >= 0 && Number.isFinite(eps))) throw new DataError(`Whiten: expected eps of at least 0, got ${eps}`);
    this.eps = eps;
    this.zca = zca;
  }

  static from(state: ProjectionState): Whiten {
    return new Whiten().take(state);
  }

  /** @internal */
  protected override factors(): Float64Array {
    return this.variances.map((variance) => (variance + this.eps > 0 ? 1 / Math.sqrt(variance + this.eps) : 0));
  }
}
