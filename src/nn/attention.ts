// Multi-head attention, and the encoder layer of transformers.
import {
  type AttentionOptions,
  add,
  cast,
  chunk,
  flatten,
  linear,
  logicalAnd,
  logicalNot,
  mean,
  relu,
  reshape,
  scaledDotProductAttention,
  transpose,
  tril,
  where,
} from '../ops/index.ts';
import { eye, ones, zeros } from '../tensor/creation.ts';
import { ShapeError } from '../tensor/errors.ts';
import { format, type Shape, sameShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkDivides, checkWhole } from './check.ts';
import { Dropout } from './dropout.ts';
import * as init from './init.ts';
import { Linear } from './linear.ts';
import { Module, parameter } from './module.ts';
import { LayerNorm } from './norm.ts';

export interface MultiheadOptions {
  /** Probability of dropping an attention weight while training. Default 0. */
  dropout?: number;
  /** Whether the projections have biases. Default true. */
  bias?: boolean;
  /** Features of keys and of values. Default: embedDim. */
  kdim?: number;
  vdim?: number;
  /** Whether inputs are [N, L, E] instead of [L, N, E], PyTorch's default. */
  batchFirst?: boolean;
}

/** What queries may not look at. As in PyTorch, true hides; scaledDotProductAttention takes the opposite. */
export interface AttentionMasks {
  /** [L, S] or [N * numHeads, L, S]: bool, true where a query may not look at a key, or float32, added to the scores. */
  attnMask?: Tensor | null;
  /** Keys that are only padding: bool [N, S], or [S] without a batch, true where no query may look. */
  keyPaddingMask?: Tensor | null;
  /** Query i looks at keys 0 to i only. */
  isCausal?: boolean;
}

/**
 * Attention of several heads (Vaswani et al., 2017), with PyTorch's parameters: inProjWeight [3 E, E], the projections of query,
 * key and value one below the other (or qProjWeight [E, E], kProjWeight [E, kdim] and vProjWeight [E, vdim]), which start
 * xavierUniform, inProjBias [3 E], zeros at first, and outProj, a Linear whose bias starts as zeros.
 *
 * query is [L, N, E], key [S, N, kdim], value [S, N, vdim] (with batchFirst N comes first; without a batch there is no N); key
 * and value are the query by default. The output is like the query. A query that may look at nothing gives the bias of outProj.
 */
export class MultiheadAttention extends Module {
  inProjWeight: Tensor | null = null;
  qProjWeight: Tensor | null = null;
  kProjWeight: Tensor | null = null;
  vProjWeight: Tensor | null = null;
  inProjBias: Tensor | null;
  readonly outProj: Linear;
  readonly dropout: Dropout;
  readonly embedDim: number;
  readonly kdim: number;
  readonly vdim: number;
  readonly numHeads: number;
  readonly batchFirst: boolean;

  constructor(
    embedDim: number,
    numHeads: number,
    { dropout = 0, bias = true, kdim = embedDim, vdim = embedDim, batchFirst = false }: MultiheadOptions = {},
  ) {
    super();
    checkDivides('MultiheadAttention', 'numHeads', numHeads, { embedDim });
    checkWhole('MultiheadAttention', { kdim, vdim });
    this.embedDim = embedDim;
    this.kdim = kdim;
    this.vdim = vdim;
    this.numHeads = numHeads;
    this.batchFirst = batchFirst;
    this.dropout = new Dropout(dropout);
    const projection = (rows: number, columns: number) => init.xavierUniform(parameter(zeros([rows, columns])));
    if (kdim === embedDim && vdim === embedDim) {
      this.inProjWeight = projection(3 * embedDim, embedDim);
    } else {
      this.qProjWeight = projection(embedDim, embedDim);
      this.kProjWeight = projection(embedDim, kdim);
      this.vProjWeight = projection(embedDim, vdim);
    }
    this.inProjBias = bias ? parameter(zeros([3 * embedDim])) : null;
    this.outProj = new Linear(embedDim, embedDim, { bias });
    if (this.outProj.bias) init.zeros(this.outProj.bias);
  }

  override forward(query: Tensor, key = query, value = key, masks: AttentionMasks = {}): Tensor {
    const { heads, finish } = this.prepare(query, key, value, masks);
    return finish(scaledDotProductAttention(...heads));
  }

  /**
   * The output, and the weights with which it looks: [N, L, S], averaged over the heads, or [N, numHeads, L, S]; without N where there
   * is no batch.
   */
  attend(
    query: Tensor,
    key = query,
    value = key,
    { averageAttnWeights = true, ...masks }: AttentionMasks & { averageAttnWeights?: boolean } = {},
  ): { output: Tensor; weights: Tensor } {
    const {
      heads: [q, k, v, options],
      finish,
    } = this.prepare(query, key, value, masks);
    // With the unit vectors for values, what comes out are the weights.
    const weights = scaledDotProductAttention(q, k, eye(k.shape.at(-2)!, { device: k.device }), options);
    const shown = averageAttnWeights ? mean(weights, 1) : weights;
    return {
      output: finish(weights.matmul(v)),
      weights: query.rank === 2 ? reshape(shown, shown.shape.slice(1)) : shown,
    };
  }

  /** The arguments of the attention, per head, and what makes the output of its result [N, numHeads, L, D]. */
  private prepare(query: Tensor, key: Tensor, value: Tensor, masks: AttentionMasks) {
    this.check(query, key, value);
    const { numHeads, batchFirst } = this;
    const batched = query.rank === 3;
    /** From [L, N, E], [N, L, E] or [L, E] to [N, numHeads, L, D]. */
    const split = (x: Tensor) => {
      const first = batched ? (batchFirst ? x : transpose(x, 0, 1)) : reshape(x, [1, ...x.shape]);
      const [N, L, E] = first.shape;
      return transpose(reshape(first, [N, L, numHeads, E / numHeads]), 1, 2);
    };
    const [q, k, v] = this.project(query, key, value).map(split);
    const mask = this.mask(masks, [q.shape[0], q.shape[2], k.shape[2]], q);
    const { p, training } = this.dropout;
    const options = { ...mask, dropoutP: training ? p : 0 };
    const finish = (out: Tensor) => {
      const joined = flatten(transpose(out, 1, 2), 2);
      const placed = batched ? (batchFirst ? joined : transpose(joined, 0, 1)) : reshape(joined, joined.shape.slice(1));
      return this.outProj.call(placed);
    };
    return { heads: [q, k, v, options] as [Tensor, Tensor, Tensor, typeof options], finish };
  }

  private check(query: Tensor, key: Tensor, value: Tensor): void {
    const { embedDim, kdim, vdim, batchFirst } = this;
    const { rank } = query;
    const batch = batchFirst ? 0 : 1;
    const length = rank === 3 ? 1 - batch : 0;
    const fits =
      (rank === 2 || rank === 3) &&
      [embedDim, kdim, vdim].every((features, i) => {
        const { shape } = [query, key, value][i];
        return (
          shape.length === rank && shape[rank - 1] === features && (rank === 2 || shape[batch] === query.shape[batch])
        );
      }) &&
      key.shape[length] === value.shape[length];
    if (fits) return;
    const order = (size: string) => (batchFirst ? `N, ${size}` : `${size}, N`);
    const wanted = `query [${order('L')}, ${embedDim}], key [${order('S')}, ${kdim}], value [${order('S')}, ${vdim}]`;
    const shapes = [query, key, value].map(({ shape }) => format(shape)).join(', ');
    throw new ShapeError(`MultiheadAttention: expected ${wanted}, or none with N, got ${shapes}`);
  }

  private project(query: Tensor, key: Tensor, value: Tensor): Tensor[] {
    const { inProjWeight, inProjBias } = this;
    if (inProjWeight && query === key && key === value) return chunk(linear(query, inProjWeight, inProjBias), 3, -1);
    const weights = inProjWeight ? chunk(inProjWeight, 3) : [this.qProjWeight!, this.kProjWeight!, this.vProjWeight!];
    const biases = inProjBias ? chunk(inProjBias, 3) : [null, null, null];
    return [query, key, value].map((x, i) => linear(x, weights[i], biases[i]));
  }

  /** All masks as one that scaledDotProductAttention takes. */
  private mask(
    { attnMask, keyPaddingMask, isCausal = false }: AttentionMasks,
    [N, L, S]: Shape,
    { device }: Tensor,
  ): Pick<AttentionOptions, 'attnMask' | 'isCausal'> {
    const { numHeads } = this;
    if (attnMask && !sameShape(attnMask.shape, [L, S]) && !sameShape(attnMask.shape, [N * numHeads, L, S])) {
      const wanted = `attnMask [${L},${S}] or [${N * numHeads},${L},${S}]`;
      throw new ShapeError(`MultiheadAttention: expected ${wanted}, got ${format(attnMask.shape)}`);
    }
    if (keyPaddingMask && (keyPaddingMask.dtype !== 'bool' || keyPaddingMask.size !== N * S)) {
      const got = `${keyPaddingMask.dtype} ${format(keyPaddingMask.shape)}`;
      throw new ShapeError(`MultiheadAttention: expected a bool keyPaddingMask [${N},${S}], got ${got}`);
    }
    if (isCausal && !attnMask && !keyPaddingMask) return { isCausal: true };
    const shown: Tensor[] = [];
    if (keyPaddingMask) shown.push(logicalNot(reshape(keyPaddingMask, [N, 1, 1, S])));
    if (isCausal) shown.push(cast(tril(ones([L, S], { device })), 'bool'));
    const own = attnMask?.rank === 3 ? reshape(attnMask, [N, numHeads, L, S]) : attnMask;
    if (own?.dtype === 'bool') shown.push(logicalNot(own));
    const seen = shown.length > 0 ? shown.reduce((a, b) => logicalAnd(a, b)) : undefined;
    if (!own || own.dtype === 'bool') return { attnMask: seen };
    return { attnMask: seen ? add(own, where(seen, zeros([], { device }), Number.NEGATIVE_INFINITY)) : own };
  }
}

export interface EncoderLayerOptions {
  /** Features between the two linear layers. Default 2048. */
  dimFeedforward?: number;
  /** Probability of all dropouts. Default 0.1. */
  dropout?: number;
  /** Between the two linear layers. Default: relu. */
  activation?: (x: Tensor) => Tensor;
  /** Added to the variance by the norms. Default 1e-5. */
  layerNormEps?: number;
  /** Whether inputs are [N, L, E] instead of [L, N, E], PyTorch's default. */
  batchFirst?: boolean;
  /** Whether the norms come before attention and linear layers (then the end of an encoder needs another) or after (default). */
  normFirst?: boolean;
  /** Whether there are biases. Default true. */
  bias?: boolean;
}

/**
 * Self-attention, then linear1, activation and linear2, each added to what goes in and normalized (Vaswani et al., 2017). Names and
 * start of the parameters are PyTorch's. An encoder is a Sequential of such layers, or a ModuleList where masks are to be passed.
 */
export class TransformerEncoderLayer extends Module {
  readonly selfAttn: MultiheadAttention;
  readonly linear1: Linear;
  readonly dropout: Dropout;
  readonly linear2: Linear;
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;
  readonly dropout1: Dropout;
  readonly dropout2: Dropout;
  readonly activation: (x: Tensor) => Tensor;
  readonly normFirst: boolean;

  constructor(dModel: number, nhead: number, options: EncoderLayerOptions = {}) {
    super();
    const { dimFeedforward = 2048, dropout = 0.1, layerNormEps: eps = 1e-5, bias = true } = options;
    const { activation = relu, batchFirst = false, normFirst = false } = options;
    checkWhole('TransformerEncoderLayer', { dModel, nhead, dimFeedforward });
    this.selfAttn = new MultiheadAttention(dModel, nhead, { dropout, bias, batchFirst });
    this.linear1 = new Linear(dModel, dimFeedforward, { bias });
    this.dropout = new Dropout(dropout);
    this.linear2 = new Linear(dimFeedforward, dModel, { bias });
    this.norm1 = new LayerNorm(dModel, { eps, bias });
    this.norm2 = new LayerNorm(dModel, { eps, bias });
    this.dropout1 = new Dropout(dropout);
    this.dropout2 = new Dropout(dropout);
    this.activation = activation;
    this.normFirst = normFirst;
  }

  override forward(x: Tensor, masks: AttentionMasks = {}): Tensor {
    const attend = (x: Tensor) => this.dropout1.call(this.selfAttn.call(x, x, x, masks));
    const feed = (x: Tensor) => {
      const inner = this.dropout.call(this.activation(this.linear1.call(x)));
      return this.dropout2.call(this.linear2.call(inner));
    };
    if (this.normFirst) {
      const seen = add(x, attend(this.norm1.call(x)));
      return add(seen, feed(this.norm2.call(seen)));
    }
    const seen = this.norm1.call(add(x, attend(x)));
    return this.norm2.call(add(seen, feed(seen)));
  }
}
