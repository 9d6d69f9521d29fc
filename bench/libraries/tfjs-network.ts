// Networks in the ops of TensorFlow.js, with its fused kernels where it has them.
import * as tf from '@tensorflow/tfjs-core';
import type { Layer } from '../workloads/network.ts';

interface Stats {
  mean: tf.Variable;
  variance: tf.Variable;
}

type Params = tf.Variable[];

/** A relu right behind a layer with weights goes into that layer's kernel, as in tf.layers with an activation. */
export function forward(layers: Layer[], x: tf.Tensor, params: Params, stats: Stats[]): tf.Tensor {
  let out = x;
  for (let i = 0; i < layers.length; i++) {
    const layer = layers[i];
    const fuses = layer.kind === 'linear' || (layer.kind === 'conv' && layer.bias !== null);
    const activation = fuses && layers[i + 1]?.kind === 'relu' ? 'relu' : 'linear';
    out = apply(layer, out, params, stats, activation);
    if (activation === 'relu') i++;
  }
  return out;
}

function apply(layer: Layer, x: tf.Tensor, params: Params, stats: Stats[], activation: 'relu' | 'linear'): tf.Tensor {
  switch (layer.kind) {
    case 'conv': {
      const { weight, bias, stride: strides, padding: pad } = layer;
      const [image, filter] = [x as tf.Tensor4D, params[weight] as tf.Tensor4D];
      if (bias === null) return tf.conv2d(image, filter, strides, pad);
      return tf.fused.conv2d({ x: image, filter, strides, pad, bias: params[bias], activation });
    }
    case 'linear':
      return linear(x, params[layer.weight], params[layer.bias], activation);
    case 'relu':
      return tf.relu(x);
    case 'gelu':
      return tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
    case 'flatten':
      return tf.reshape(x, [x.shape[0], -1]);
    case 'tokens':
      return tf.reshape(x, [-1, x.shape.at(-1)!]);
    case 'globalMean':
      return tf.mean(x, [1, 2]);
    case 'maxPool':
      return tf.maxPool(x as tf.Tensor4D, layer.size, layer.size, 'valid');
    case 'batchNorm': {
      const { mean, variance } = tf.moments(x, [0, 1, 2]);
      const count = x.size / x.shape.at(-1)!;
      update(stats[layer.stats].mean, mean);
      update(stats[layer.stats].variance, tf.mul(variance, count / (count - 1)));
      const [scale, offset] = [params[layer.weight], params[layer.bias]] as tf.Tensor1D[];
      return tf.batchNorm(x, mean as tf.Tensor1D, variance as tf.Tensor1D, offset, scale, 1e-5);
    }
    case 'layerNorm': {
      const { mean, variance } = tf.moments(x, -1, true);
      const normal = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5)));
      return tf.add(tf.mul(normal, params[layer.weight]), params[layer.bias]);
    }
    case 'attention':
      return attention(layer, x, params);
    case 'residual':
      return tf.add(forward(layer.shortcut, x, params, stats), forward(layer.body, x, params, stats));
  }
}

/** Weights are [in, out]. */
function linear(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor, activation: 'relu' | 'linear' = 'linear'): tf.Tensor {
  const a = tf.reshape(x, [-1, x.shape.at(-1)!]);
  const out = tf.fused.matMul({ a, b: weight as tf.Tensor2D, bias, activation });
  return tf.reshape(out, [...x.shape.slice(0, -1), weight.shape[1]!]);
}

/** The running mean of a statistic, apart from gradients. */
function update(running: tf.Variable, batch: tf.Tensor): void {
  running.assign(tf.add(tf.mul(running, 0.9), tf.mul(batch, 0.1)));
}

function attention({ heads, qkv, out }: Layer & { kind: 'attention' }, x: tf.Tensor, params: Params): tf.Tensor {
  const [N, T, D] = x.shape;
  const all = tf.reshape(linear(x, params[qkv[0]], params[qkv[1]]), [N, T, 3, heads, D / heads]);
  const [q, k, v] = tf.unstack(tf.transpose(all, [2, 0, 3, 1, 4]));
  const weights = tf.softmax(tf.matMul(tf.mul(q, 1 / Math.sqrt(D / heads)), k, false, true));
  const seen = tf.reshape(tf.transpose(tf.matMul(weights, v), [0, 2, 1, 3]), [N, T, D]);
  return linear(seen, params[out[0]], params[out[1]]);
}
