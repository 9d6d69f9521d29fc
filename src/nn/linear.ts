// Linear layers, embeddings, and layers that only reshape.
import { embedding, flatten, linear, reshape } from '../ops/index.ts';
import { fromHost } from '../tensor/creation.ts';
import { ShapeError } from '../tensor/errors.ts';
import { normal } from '../tensor/random.ts';
import { elementCount, format, normalizeDim, type Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkWhole } from './check.ts';
import { layerDefault } from './init.ts';
import { Module, parameter } from './module.ts';

/** x [..., in] @ weight^T + bias; weight [out, in]. Both start uniform within 1 / sqrt(in). */
export class Linear extends Module {
  weight: Tensor;
  bias: Tensor | null;

  constructor(inFeatures: number, outFeatures: number, { bias = true } = {}) {
    super();
    checkWhole('Linear', { inFeatures, outFeatures });
    this.weight = parameter(layerDefault([outFeatures, inFeatures], inFeatures));
    this.bias = bias ? parameter(layerDefault([outFeatures], inFeatures)) : null;
  }

  override forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }
}

/** The rows of weight [numEmbeddings, embeddingDim] that int32 indices of any shape point to. Starts normal, with variance 1. */
export class Embedding extends Module {
  weight: Tensor;
  readonly paddingIdx: number | undefined;

  /** `paddingIdx` is a row that starts as zeros and gets no gradient; negative counts from the end. */
  constructor(numEmbeddings: number, embeddingDim: number, { paddingIdx }: { paddingIdx?: number } = {}) {
    super();
    checkWhole('Embedding', { numEmbeddings, embeddingDim });
    const values = normal(numEmbeddings * embeddingDim);
    if (paddingIdx !== undefined) {
      if (!Number.isInteger(paddingIdx) || paddingIdx < -numEmbeddings || paddingIdx >= numEmbeddings) {
        const range = `from ${-numEmbeddings} to ${numEmbeddings - 1}`;
        throw new ShapeError(`Embedding: expected paddingIdx ${range}, got ${paddingIdx}`);
      }
      const row = paddingIdx < 0 ? paddingIdx + numEmbeddings : paddingIdx;
      values.fill(0, row * embeddingDim, (row + 1) * embeddingDim);
    }
    this.paddingIdx = paddingIdx;
    this.weight = parameter(fromHost('Embedding', values, [numEmbeddings, embeddingDim]));
  }

  override forward(indices: Tensor): Tensor {
    return embedding(indices, this.weight, { paddingIdx: this.paddingIdx });
  }
}

/** Joins dims `startDim` to `endDim`; by default all but the first. */
export class Flatten extends Module {
  readonly startDim: number;
  readonly endDim: number;

  constructor(startDim = 1, endDim = -1) {
    super();
    this.startDim = startDim;
    this.endDim = endDim;
  }

  override forward(x: Tensor): Tensor {
    return flatten(x, this.startDim, this.endDim);
  }
}

/** Cuts dim `dim` up into dims of these sizes, one of which may be -1: the other way round than Flatten. */
export class Unflatten extends Module {
  readonly dim: number;
  readonly sizes: Shape;

  constructor(dim: number, sizes: Shape) {
    super();
    this.dim = dim;
    this.sizes = sizes;
  }

  override forward(x: Tensor): Tensor {
    const d = normalizeDim('Unflatten', this.dim, x.rank);
    const known = elementCount(this.sizes.filter((size) => size !== -1));
    if (known !== x.shape[d] && !(this.sizes.includes(-1) && x.shape[d] % known === 0)) {
      throw new ShapeError(`Unflatten: expected dim ${d} to divide into [${this.sizes}], got input ${format(x.shape)}`);
    }
    return reshape(x, [
      ...x.shape.slice(0, d),
      ...this.sizes.map((n) => (n === -1 ? x.shape[d] / known : n)),
      ...x.shape.slice(d + 1),
    ]);
  }
}

/** Its input. */
export class Identity extends Module {
  override forward(x: Tensor): Tensor {
    return x;
  }
}

/** A function as a layer: `new nn.Lambda((x) => x.transpose(1, 2))`. A layer with parameters is a subclass of Module. */
export class Lambda extends Module {
  readonly compute: (x: Tensor) => Tensor;

  constructor(compute: (x: Tensor) => Tensor) {
    super();
    this.compute = compute;
  }

  override forward(x: Tensor): Tensor {
    return this.compute(x);
  }
}
