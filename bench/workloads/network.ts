// Networks as plain data: layers that refer to parameters by number, with counts of operations and bytes.
import { type Fill, sizeOf } from './values.ts';

export interface Param {
  name: string;
  /** As in PyTorch: convolutions [O, I, K, K], linear layers [out, in]. */
  shape: number[];
  fill: Fill;
  /** How a library may want to lay it out; `flattened` tells the [C, H, W] that a linear layer's inputs were. */
  role: 'conv' | 'linear' | 'plain';
  flattened?: [number, number, number];
}

export type Layer =
  | { kind: 'conv'; weight: number; bias: number | null; stride: number; padding: number }
  | { kind: 'linear'; weight: number; bias: number }
  | { kind: 'relu' | 'gelu' | 'flatten' | 'globalMean' | 'tokens' }
  | { kind: 'maxPool'; size: number }
  /** Per channel, with running statistics number `stats`; eps 1e-5, momentum 0.1. */
  | { kind: 'batchNorm'; weight: number; bias: number; stats: number }
  /** Over the last dim; eps 1e-5. */
  | { kind: 'layerNorm'; weight: number; bias: number }
  /** Full self-attention of [N, T, D]: one linear layer to queries, keys and values, another to the output. */
  | { kind: 'attention'; heads: number; qkv: [number, number]; out: [number, number] }
  | { kind: 'residual'; body: Layer[]; shortcut: Layer[] };

export interface Network {
  /** Of one example. */
  input: number[];
  layers: Layer[];
  params: Param[];
  /** Channels of each batch normalization. */
  stats: number[];
  /** Rows of logits that one example gives: 1, or its tokens. */
  rows: number;
  /** Of a training step for one example: products and sums of layers with weights, forward and backward. */
  flops: number;
  /** Elements of all layers' outputs for one example. */
  activations: number;
}

/**
 * Bytes that a training step must move at least: each activation written and read back, each parameter and its two
 * moments of Adam read and written, the input read.
 */
export function trainingBytes({ input, params, activations }: Network, batch: number): number {
  const parameters = params.reduce((n, { shape }) => n + sizeOf(shape), 0);
  return 4 * (batch * (2 * activations + sizeOf(input)) + 6 * parameters);
}

/** Puts layers one after another, and keeps count. */
export class Builder {
  /** Of one example, after the layers so far. */
  shape: number[];
  private readonly input: number[];
  private readonly params: Param[] = [];
  private readonly stats: number[] = [];
  private flattened: Param['flattened'];
  private rows = 1;
  private flops = 0;
  private activations = 0;

  constructor(input: number[]) {
    this.input = input;
    this.shape = input;
  }

  conv(out: number, kernel: number, { stride = 1, padding = (kernel - 1) / 2, bias = true } = {}): Layer {
    const [channels, height, width] = this.shape;
    const size = (n: number) => Math.floor((n + 2 * padding - kernel) / stride) + 1;
    const fan = channels * kernel * kernel;
    const weight = this.param('conv.weight', [out, channels, kernel, kernel], this.uniform(fan), 'conv');
    const b = bias ? this.param('conv.bias', [out], this.uniform(fan), 'plain') : null;
    this.count([out, size(height), size(width)], fan);
    return { kind: 'conv', weight, bias: b, stride, padding };
  }

  linear(out: number): Layer {
    const fan = this.shape.at(-1)!;
    const weight = this.param('linear.weight', [out, fan], this.uniform(fan), 'linear');
    const bias = this.param('linear.bias', [out], this.uniform(fan), 'plain');
    this.count([...this.shape.slice(0, -1), out], fan);
    return { kind: 'linear', weight, bias };
  }

  batchNorm(): Layer {
    const channels = this.shape[0];
    this.count(this.shape);
    return { kind: 'batchNorm', ...this.affine('batchNorm', channels), stats: this.stats.push(channels) - 1 };
  }

  layerNorm(): Layer {
    this.count(this.shape);
    return { kind: 'layerNorm', ...this.affine('layerNorm', this.shape.at(-1)!) };
  }

  attention(heads: number): Layer {
    const [tokens, width] = this.shape;
    const qkv = this.linear(3 * width) as Layer & { kind: 'linear' };
    // Scores and their use, each T x T x D products.
    this.count([heads, tokens, tokens], width / heads);
    this.count([tokens, width], tokens);
    const out = this.linear(width) as Layer & { kind: 'linear' };
    return { kind: 'attention', heads, qkv: [qkv.weight, qkv.bias], out: [out.weight, out.bias] };
  }

  relu = (): Layer => this.plain('relu', this.shape);
  gelu = (): Layer => this.plain('gelu', this.shape);

  maxPool(size: number): Layer {
    const [channels, height, width] = this.shape;
    this.count([channels, height / size, width / size]);
    return { kind: 'maxPool', size };
  }

  /** [C, H, W] to [C H W]. */
  flatten(): Layer {
    this.flattened = this.shape as Param['flattened'];
    this.shape = [sizeOf(this.shape)];
    return { kind: 'flatten' };
  }

  /** [T, D] of each example to T rows of [D]. */
  tokens(): Layer {
    this.rows = this.shape[0];
    return { kind: 'tokens' };
  }

  /** [C, H, W] to [C]. */
  globalMean = (): Layer => this.plain('globalMean', [this.shape[0]]);

  /** The input's shortcut (itself, or through layers) plus the body. */
  residual(body: () => Layer[], shortcut: () => Layer[] = () => []): Layer {
    const before = this.shape;
    const layers = body();
    this.shape = before;
    const beside = shortcut();
    this.count(this.shape);
    return { kind: 'residual', body: layers, shortcut: beside };
  }

  build(layers: Layer[]): Network {
    const { input, params, stats, rows, flops, activations } = this;
    return { input, layers, params, stats, rows, flops, activations };
  }

  private plain(kind: 'relu' | 'gelu' | 'globalMean', shape: number[]): Layer {
    this.count(shape);
    return { kind };
  }

  private affine(name: string, size: number) {
    return {
      weight: this.param(`${name}.weight`, [size], { constant: 1 }, 'plain'),
      bias: this.param(`${name}.bias`, [size], { constant: 0 }, 'plain'),
    };
  }

  /** PyTorch's: uniform within 1 / sqrt(fan). */
  private uniform = (fan: number): Fill => ({ seed: 100 + this.params.length, scale: 1 / Math.sqrt(fan) });

  private param(name: string, shape: number[], fill: Fill, role: Param['role']): number {
    const flattened = role === 'linear' ? this.flattened : undefined;
    if (role === 'linear') this.flattened = undefined;
    return this.params.push({ name: `${this.params.length} ${name}`, shape, fill, role, flattened }) - 1;
  }

  /** The output of a layer, each element of it a sum of `products`: as many again for both gradients, but the input's. */
  private count(shape: number[], products = 0): void {
    const first = this.flops === 0;
    this.shape = shape;
    this.activations += sizeOf(shape);
    this.flops += 2 * sizeOf(shape) * products * (first ? 2 : 3);
  }
}
