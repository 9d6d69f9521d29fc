// What the tuner times for the GEMM core: a product, or a convolution, for each class of them that training meets often.
import { opNamed } from '../autograd/op.ts';
import type { TypedLayout } from '../tensor/backend.ts';
import { contiguousLayout, type Shape } from '../tensor/shape.ts';
import { trials } from '../tensor/tuning.ts';
import type { ConvAttrs } from './conv-attrs.ts';
import './conv.ts';
import { CONFIGURATIONS } from './gemm-config.ts';
import './matmul.ts';

const candidates = [...CONFIGURATIONS];

const rows = (shape: Shape): TypedLayout => ({ ...contiguousLayout(shape), dtype: 'float32' });
const columns = ([m, n]: Shape): TypedLayout => ({ ...rows([m, n]), strides: [1, m] });

/** a [M, K] @ b [K, N]; T is a transposed operand. */
function product(layout: string, M: number, K: number, N: number): void {
  const [a, b] = [...layout].map((letter) => (letter === 'N' ? rows : columns));
  const [inputs, outputs] = [[a([M, K]), b([K, N])], [rows([M, N])]];
  trials.push({ kernel: opNamed('matmul'), inputs, outputs, attrs: {}, candidates });
}

/** A convolution of `channels` to as many, and its two gradients. */
function convolution(images: number, channels: number, size: number, taps: number): void {
  const x = [images, channels, size, size];
  const weight = [channels, channels, taps, taps];
  const padding = (taps - 1) / 2;
  const attrs: Omit<ConvAttrs, 'shape'> = { stride: [1, 1], padding: [padding, padding], dilation: [1, 1], groups: 1 };
  const add = (name: string, inputs: Shape[], shape: Shape) =>
    trials.push({
      ...{ kernel: opNamed(name), inputs: inputs.map(rows), outputs: [rows(shape)] },
      ...{ attrs: { ...attrs, shape }, candidates },
    });
  add('conv2d', [x, weight], x);
  add('conv2dInputGrad', [x, weight], x);
  add('conv2dWeightGrad', [x, x], weight);
}

// Layers of transformers and of residual networks, the heavy ones first: they count most.
for (const layout of ['NN', 'NT', 'TN']) product(layout, 1024, 1024, 1024);
convolution(16, 64, 32, 3);
convolution(16, 128, 16, 1);
for (const layout of ['NN', 'NT', 'TN']) product(layout, 256, 512, 256);
for (const layout of ['NN', 'NT', 'TN']) product(layout, 64, 512, 128);
for (const layout of ['NN', 'NT', 'TN']) product(layout, 16, 512, 512);
