// Networks in jax-js, to be traced by jit. Parameters are borrowed: every use takes a `.ref`; the input x is given away.
import { lax, nn, numpy as np } from '@jax-js/jax';
import type { Layer } from '../workloads/network.ts';

/** `stats` are running means and variances by turns; their next values are put into `updated`. */
export function forward(
  layers: Layer[],
  x: np.Array,
  params: np.Array[],
  stats: np.Array[],
  updated: np.Array[],
): np.Array {
  return layers.reduce((input, layer) => apply(layer, input, params, stats, updated), x);
}

/** Mean cross-entropy of logits and class indices. */
export function lossOf(logits: np.Array, labels: np.Array, classes: number): np.Array {
  const [rows] = logits.shape;
  return np.sum(nn.logSoftmax(logits, -1).mul(nn.oneHot(labels, classes))).mul(-1 / rows);
}

function apply(layer: Layer, x: np.Array, params: np.Array[], stats: np.Array[], updated: np.Array[]): np.Array {
  const param = (i: number) => params[i].ref;
  switch (layer.kind) {
    case 'conv': {
      const { stride, padding, weight, bias } = layer;
      const pads: [number, number] = [padding, padding];
      const out = lax.conv(x, param(weight), [stride, stride], [pads, pads]);
      return bias === null ? out : out.add(param(bias).reshape([1, -1, 1, 1]));
    }
    case 'linear':
      return linear(x, param(layer.weight), param(layer.bias));
    case 'relu':
      return nn.relu(x);
    case 'gelu':
      return nn.gelu(x, { approximate: false });
    case 'flatten':
      return x.reshape([x.shape[0], -1]);
    case 'tokens':
      return x.reshape([-1, x.shape.at(-1)!]);
    case 'globalMean':
      return np.mean(x, [2, 3]);
    case 'maxPool':
      return lax.reduceWindow(x, np.max, [layer.size, layer.size], [layer.size, layer.size]);
    case 'batchNorm': {
      const count = (x.shape[0] * x.shape[2] * x.shape[3]) as number;
      const mean = np.mean(x.ref, [0, 2, 3], { keepdims: true });
      const centered = x.sub(mean.ref);
      const variance = np.mean(np.square(centered.ref), [0, 2, 3], { keepdims: true });
      const next = (before: np.Array, now: np.Array) =>
        before.ref.mul(0.9).add(lax.stopGradient(now).reshape([-1]).mul(0.1));
      updated[2 * layer.stats] = next(stats[2 * layer.stats], mean);
      updated[2 * layer.stats + 1] = next(stats[2 * layer.stats + 1], variance.ref.mul(count / (count - 1)));
      const scale = param(layer.weight)
        .reshape([1, -1, 1, 1])
        .div(np.sqrt(variance.add(1e-5)));
      return centered.mul(scale).add(param(layer.bias).reshape([1, -1, 1, 1]));
    }
    case 'layerNorm':
      return nn.standardize(x, -1).mul(param(layer.weight)).add(param(layer.bias));
    case 'attention':
      return attention(layer, x, param);
    case 'residual': {
      const shortcut = forward(layer.shortcut, x.ref, params, stats, updated);
      return shortcut.add(forward(layer.body, x, params, stats, updated));
    }
  }
}

/** The weight is [out, in]. */
const linear = (x: np.Array, weight: np.Array, bias: np.Array) => np.matmul(x, np.matrixTranspose(weight)).add(bias);

function attention(
  { heads, qkv, out }: Layer & { kind: 'attention' },
  x: np.Array,
  param: (i: number) => np.Array,
): np.Array {
  const [N, T, D] = x.shape;
  const all = linear(x, param(qkv[0]), param(qkv[1])).reshape([N, T, 3, heads, D / heads]);
  // Not nn.dotProductAttention: its einsum needs iterator helpers, which Node 20 does not have.
  const [q, k, v] = np.unstack(np.transpose(all, [2, 0, 3, 1, 4]), 0);
  const scores = np.matmul(q.mul(1 / Math.sqrt(D / heads)), np.matrixTranspose(k));
  const seen = np.transpose(np.matmul(nn.softmax(scores, -1), v), [0, 2, 1, 3]).reshape([N, T, D]);
  return linear(seen, param(out[0]), param(out[1]));
}
