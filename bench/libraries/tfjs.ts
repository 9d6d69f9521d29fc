// TensorFlow.js on its WebGPU backend: images are [N, H, W, C], filters [K, K, I, O], as it wants them.
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import '@tensorflow/tfjs-backend-webgpu';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import * as tf from '@tensorflow/tfjs-core';
import { sizeOf, values } from '../workloads/values.ts';
import { BATCHES, type OpName, type OpWorkload, type TrainData, type TrainWorkload } from '../workloads/workload.ts';
import { batchesOf, type Library, type Prepared } from './library.ts';
import { permuted } from './permute.ts';
import { forward } from './tfjs-network.ts';

type Inputs = Record<string, tf.Tensor>;

const image = (x: tf.Tensor) => x as tf.Tensor4D;

/** The ops that gradients run; the package has them only inside tf.grad, which would run the forward pass as well. */
const run = (name: string, inputs: Inputs, attrs: object) =>
  tf.engine().runKernel(name, inputs as tf.NamedTensorMap, attrs as tf.NamedAttrMap) as tf.Tensor;

const ops: Record<OpName, (inputs: Inputs, padding: number) => tf.Tensor> = {
  matmul: ({ a, b }) => tf.matMul(a, b),
  add: ({ a, b }) => tf.add(a, b),
  mulAddRelu: ({ a, b }) => tf.relu(tf.add(tf.mul(a, b), a)),
  sum: ({ a }) => tf.sum(a),
  sumDim0: ({ a }) => tf.sum(a, 0),
  softmax: ({ a }) => tf.softmax(a),
  conv: ({ x, w }, pad) => tf.conv2d(image(x), image(w), 1, pad),
  convDx: ({ w, dy }, pad) => {
    const [N, H, W] = dy.shape as number[];
    const inputShape = [N, H, W, w.shape[2]];
    return run('Conv2DBackpropInput', { dy, filter: w }, { strides: 1, pad, dataFormat: 'NHWC', inputShape });
  },
  convDw: ({ x, dy }, pad) => {
    const filterShape = [2 * pad + 1, 2 * pad + 1, x.shape[3], dy.shape[3]];
    return run('Conv2DBackpropFilter', { x, dy }, { strides: 1, pad, dataFormat: 'NHWC', filterShape });
  },
};

/** Axes of its arrays in terms of PyTorch's. */
const LAYOUTS: Record<string, number[]> = { x: [0, 2, 3, 1], dy: [0, 2, 3, 1], w: [2, 3, 1, 0] };
const OUTPUT: Partial<Record<OpName, string>> = { conv: 'dy', convDx: 'x', convDw: 'w' };

/** What a step left behind; the one before is released. */
class Last {
  private tensor: tf.Tensor | null = null;
  private readonly backend = tf.backend() as WebGPUBackend;

  set(next: tf.Tensor): void {
    this.tensor?.dispose();
    this.tensor = next;
    this.backend.ensureCommandEncoderReady();
    this.backend.endComputePassEncoder();
    this.backend.submitQueue();
  }

  async finish(): Promise<void> {
    const one = tf.tidy(() => tf.slice(tf.reshape(this.tensor!, [-1]), 0, 1));
    await one.data();
    one.dispose();
  }

  /** In PyTorch's layout, where `axes` say how the library's is made of it. */
  async result(axes?: number[]): Promise<ArrayLike<number>> {
    const data = (await this.tensor!.data()) as Float32Array;
    return axes ? permuted(data, this.tensor!.shape, inverse(axes)) : data;
  }
}

const inverse = (axes: number[]) => axes.map((_, i) => axes.indexOf(i));

const library: Library = {
  version: tf.version_core,

  op({ op, inputs, padding }: OpWorkload): Prepared {
    const tensors: Inputs = {};
    for (const [name, { shape, fill }] of Object.entries(inputs)) {
      const axes = LAYOUTS[name] ?? shape.map((_, d) => d);
      const data = permuted(values(fill, sizeOf(shape)), shape, axes);
      tensors[name] = tf.tensor(
        data,
        axes.map((d) => shape[d]),
      );
    }
    const last = new Last();
    return {
      step: () => last.set(tf.tidy(() => ops[op](tensors, padding))),
      finish: () => last.finish(),
      result: () => last.result(LAYOUTS[OUTPUT[op] ?? '']),
      parameters: async () => [],
    };
  },

  train({ network, batch, classes, lr, eps }: TrainWorkload, data: TrainData): Prepared {
    const layouts = network.params.map(({ shape, role, flattened }) => {
      if (role === 'conv') return { from: shape, axes: [2, 3, 1, 0], to: [2, 3, 1, 0].map((d) => shape[d]) };
      if (role === 'plain') return { from: shape, axes: [0], to: shape };
      // A linear layer behind a flattened image sees [H, W, C] where PyTorch's sees [C, H, W].
      const from = [shape[0], ...(flattened ?? [shape[1]])];
      return { from, axes: flattened ? [2, 3, 1, 0] : [1, 0], to: [shape[1], shape[0]] };
    });
    const params = network.params.map(({ shape, fill }, p) =>
      tf.variable(tf.tensor(permuted(values(fill, sizeOf(shape)), layouts[p].from, layouts[p].axes), layouts[p].to)),
    );
    const stats = network.stats.map((channels) => ({
      mean: tf.variable(tf.zeros([channels]), false),
      variance: tf.variable(tf.ones([channels]), false),
    }));
    const isImage = network.input.length === 3;
    const shape = [batch, ...network.input];
    const axes = isImage ? LAYOUTS.x : shape.map((_, d) => d);
    const batches = batchesOf(data).map(({ x, y }) => {
      return {
        x: tf.tensor(
          permuted(x, shape, axes),
          axes.map((d) => shape[d]),
        ),
        y: tf.tensor1d(y, 'int32'),
      };
    });
    const optimizer = tf.train.adam(lr, 0.9, 0.999, eps);
    const last = new Last();
    return {
      step: (i) => {
        const { x, y } = batches[i % BATCHES];
        const loss = tf.tidy(
          () =>
            optimizer.minimize(
              () => {
                const logits = forward(network.layers, x, params, stats);
                return tf.losses.softmaxCrossEntropy(tf.oneHot(y, classes), logits) as tf.Scalar;
              },
              true,
              params,
            )!,
        );
        last.set(loss);
      },
      finish: async () => void (await last.result()),
      result: () => last.result(),
      parameters: () =>
        Promise.all(
          params.map(async (p, i) => {
            const { from, axes } = layouts[i];
            return permuted(
              (await p.data()) as Float32Array,
              axes.map((d) => from[d]),
              inverse(axes),
            );
          }),
        ),
    };
  },
};

/** Opens the backend on the adapter that the navigator gives. */
export async function open(): Promise<Library> {
  if (!(await tf.setBackend('webgpu'))) throw new Error('TensorFlow.js did not open its webgpu backend');
  await tf.ready();
  return library;
}
