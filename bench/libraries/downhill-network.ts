// Networks in downhill's ops.
import {
  add,
  batchNorm,
  conv2d,
  gelu,
  globalAvgPool2d,
  layerNorm,
  linear,
  maxPool2d,
  relu,
  reshape,
  scaledDotProductAttention,
  type Tensor,
} from 'downhill';
import type { Layer } from '../workloads/network.ts';

interface Stats {
  runningMean: Tensor;
  runningVar: Tensor;
}

export const forward = (layers: Layer[], x: Tensor, params: Tensor[], stats: Stats[]): Tensor =>
  layers.reduce((input, layer) => apply(layer, input, params, stats), x);

function apply(layer: Layer, x: Tensor, params: Tensor[], stats: Stats[]): Tensor {
  switch (layer.kind) {
    case 'conv': {
      const { stride, padding } = layer;
      return conv2d(x, params[layer.weight], layer.bias === null ? null : params[layer.bias], { stride, padding });
    }
    case 'linear':
      return linear(x, params[layer.weight], params[layer.bias]);
    case 'relu':
      return relu(x);
    case 'gelu':
      return gelu(x);
    case 'flatten':
      return reshape(x, [x.shape[0], -1]);
    case 'tokens':
      return reshape(x, [-1, x.shape.at(-1)!]);
    case 'globalMean':
      return reshape(globalAvgPool2d(x), [x.shape[0], -1]);
    case 'maxPool':
      return maxPool2d(x, layer.size);
    case 'batchNorm':
      return batchNorm(x, {
        ...stats[layer.stats],
        weight: params[layer.weight],
        bias: params[layer.bias],
        training: true,
      });
    case 'layerNorm':
      return layerNorm(x, [x.shape.at(-1)!], { weight: params[layer.weight], bias: params[layer.bias] });
    case 'attention':
      return attention(layer, x, params);
    case 'residual':
      return add(forward(layer.shortcut, x, params, stats), forward(layer.body, x, params, stats));
  }
}

function attention({ heads, qkv, out }: Layer & { kind: 'attention' }, x: Tensor, params: Tensor[]): Tensor {
  const [N, T, D] = x.shape;
  const all = linear(x, params[qkv[0]], params[qkv[1]]).reshape([N, T, 3, heads, D / heads]);
  // [3, N, heads, T, D / heads]
  const [q, k, v] = all.permute([2, 0, 3, 1, 4]).unbind();
  const seen = scaledDotProductAttention(q, k, v).transpose(1, 2).reshape([N, T, D]);
  return linear(seen, params[out[0]], params[out[1]]);
}
