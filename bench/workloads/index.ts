// All that is measured.
import { Builder, type Layer, type Network, trainingBytes } from './network.ts';
import { sizeOf, spread } from './values.ts';
import type { Input, OpName, OpWorkload, TrainWorkload, Workload } from './workload.ts';

const CHECKED = 2048;
const uniform = (seed: number, shape: number[], scale = 1): Input => ({ shape, fill: { seed, scale } });

interface OpDetails extends Pick<OpWorkload, 'id' | 'title' | 'group' | 'op' | 'inputs' | 'flops'> {
  output: number[];
  padding?: number;
  checked?: number[];
  tolerance?: number;
  reference?: OpWorkload['reference'];
}

function op({ output, ...given }: OpDetails): OpWorkload {
  const read = Object.values(given.inputs).reduce((n, { shape }) => n + sizeOf(shape), 0);
  const defaults = { padding: 0, tolerance: 1e-4, reference: null, checked: spread(sizeOf(output), CHECKED) };
  return { kind: 'op', bytes: 4 * (read + sizeOf(output)), ...defaults, ...given };
}

function matmul(m: number, k: number, n: number): OpWorkload {
  const title = m === k && k === n ? `matmul ${m}` : `matmul ${m}x${k}x${n}`;
  // Some rows stand for all, or float64 on the CPU would take minutes.
  const rows = spread(m, Math.max(2, Math.min(m, Math.floor(1e8 / (k * n)))));
  const columns = spread(n, Math.ceil(CHECKED / rows.length));
  return op({
    ...{ id: title.replace(' ', '-'), title, group: 'matmul', op: 'matmul', output: [m, n], flops: 2 * m * k * n },
    inputs: { a: uniform(1, [m, k]), b: uniform(2, [k, n]) },
    checked: rows.flatMap((row) => columns.map((column) => row * n + column)),
    reference:
      rows.length === m
        ? null
        : {
            checked: rows.flatMap((_, r) => columns.map((column) => r * n + column)),
            inputs: {
              a: { shape: [rows.length, k], index: (i) => rows[Math.floor(i / k)] * k + (i % k) },
              b: { shape: [k, n], index: (i) => i },
            },
          },
  });
}

function over(name: OpName, id: string, title: string, shapes: number[][], output: number[], tolerance = 1e-4) {
  const group = name === 'add' || name === 'mulAddRelu' ? 'elementwise' : 'reduction';
  const inputs = Object.fromEntries(shapes.map((shape, i) => ['ab'[i], uniform(1 + i, shape)]));
  const each = { add: 1, mulAddRelu: 3, softmax: 5 }[name as string] ?? 1;
  return op({ id, title, group, op: name, inputs, output, tolerance, flops: each * sizeOf(shapes[0]) });
}

/** Forward pass and both gradients of one convolution, stride 1, same size. */
function convolution(id: string, what: string, [N, C, H, W]: number[], O: number, K: number): OpWorkload[] {
  const [x, w, dy] = [
    uniform(1, [N, C, H, W]),
    uniform(2, [O, C, K, K], 1 / Math.sqrt(C * K * K)),
    uniform(3, [N, O, H, W]),
  ];
  const flops = 2 * N * O * H * W * C * K * K;
  const shared = { group: 'convolution', padding: (K - 1) / 2, flops } as const;
  // The first and the last image stand for all, and four channels for all filters.
  const images = [0, N - 1];
  const some = ({ shape }: Input) => {
    const size = sizeOf(shape) / N;
    return { shape: [2, ...shape.slice(1)], index: (i: number) => images[Math.floor(i / size)] * size + (i % size) };
  };
  const whole = ({ shape }: Input) => ({ shape, index: (i: number) => i });
  const within = (parts: number[], size: number) =>
    parts.flatMap((part) => spread(size, CHECKED / parts.length).map((i) => part * size + i));
  const filters = spread(O, 4);
  const planes = {
    shape: [N, filters.length, H, W],
    index: (i: number) => {
      const [image, rest] = [Math.floor(i / (filters.length * H * W)), i % (filters.length * H * W)];
      return (image * O + filters[Math.floor(rest / (H * W))]) * H * W + (rest % (H * W));
    },
  };
  const filter = C * K * K;
  return [
    op({
      ...{ ...shared, id: `${id}-forward`, title: `${what} forward`, op: 'conv', inputs: { x, w }, output: dy.shape },
      checked: within(images, O * H * W),
      reference: { checked: within([0, 1], O * H * W), inputs: { x: some(x), w: whole(w) } },
    }),
    op({
      ...{ ...shared, id: `${id}-dx`, title: `${what} dX`, op: 'convDx', inputs: { w, dy }, output: x.shape },
      checked: within(images, C * H * W),
      reference: { checked: within([0, 1], C * H * W), inputs: { w: whole(w), dy: some(dy) } },
    }),
    op({
      ...{ ...shared, id: `${id}-dw`, title: `${what} dW`, op: 'convDw', inputs: { x, dy }, output: w.shape },
      checked: within(filters, filter),
      reference: { checked: within([0, 1, 2, 3], filter), inputs: { x: whole(x), dy: planes } },
    }),
  ];
}

type Training = Pick<TrainWorkload, 'id' | 'title' | 'batch' | 'data' | 'classes'>;

function training(details: Training, network: Network): TrainWorkload {
  const { batch } = details;
  const costs = { flops: network.flops * batch, bytes: trainingBytes(network, batch) };
  return { kind: 'train', group: 'training', lr: 0.001, eps: 1e-3, network, ...costs, ...details };
}

function mlp(): Network {
  const b = new Builder([1, 28, 28]);
  return b.build([b.flatten(), b.linear(256), b.relu(), b.linear(256), b.relu(), b.linear(10)]);
}

function cnn(): Network {
  const b = new Builder([1, 28, 28]);
  const block = (channels: number) => [b.conv(channels, 5), b.relu(), b.maxPool(2)];
  return b.build([...block(8), ...block(16), b.flatten(), b.linear(10)]);
}

/** ResNet-8 after He et al.: 16, 32 and 64 channels, one block of two convolutions each. */
function resnet(): Network {
  const b = new Builder([3, 32, 32]);
  const conv = (channels: number, kernel: number, stride = 1): Layer[] => [
    b.conv(channels, kernel, { stride, bias: false }),
    b.batchNorm(),
  ];
  const block = (channels: number, stride: number): Layer[] => [
    b.residual(
      () => [...conv(channels, 3, stride), b.relu(), ...conv(channels, 3)],
      stride === 1 ? undefined : () => conv(channels, 1, stride),
    ),
    b.relu(),
  ];
  return b.build([
    ...conv(16, 3),
    b.relu(),
    ...[...block(16, 1), ...block(32, 2), ...block(64, 2)],
    b.globalMean(),
    b.linear(10),
  ]);
}

/** A pre-norm block of width 128 with 4 heads over 128 tokens, and a classifier of each token. */
function transformer(): Network {
  const b = new Builder([128, 128]);
  return b.build([
    b.residual(() => [b.layerNorm(), b.attention(4)]),
    b.residual(() => [b.layerNorm(), b.linear(512), b.gelu(), b.linear(128)]),
    b.layerNorm(),
    b.tokens(),
    b.linear(64),
  ]);
}

const M = 2 ** 24;

export const workloads: Workload[] = [
  ...[64, 128, 256, 512, 1024, 2048, 4096].map((n) => matmul(n, n, n)),
  matmul(127, 513, 129),
  matmul(64, 10000, 64),
  over('add', 'add', 'a + b, 2^24', [[M], [M]], [M]),
  over('mulAddRelu', 'mul-add-relu', 'relu(a b + a), 2^24', [[M], [M]], [M]),
  over('sum', 'sum-1e6', 'sum of 10^6', [[1e6]], [1], 1e-3),
  over('sum', 'sum-2p24', 'sum of 2^24', [[M]], [1], 1e-3),
  over('softmax', 'softmax', 'softmax of 4096 rows of 1024', [[4096, 1024]], [4096, 1024]),
  over('sumDim0', 'sum-dim0', 'sum of 4096x4096 along dim 0', [[4096, 4096]], [4096]),
  ...convolution('conv5-1-8', 'conv 5x5 1->8, 64x28x28', [64, 1, 28, 28], 8, 5),
  ...convolution('conv5-8-16', 'conv 5x5 8->16, 64x14x14', [64, 8, 14, 14], 16, 5),
  ...convolution('conv3-64', 'conv 3x3 64->64, 16x32x32', [16, 64, 32, 32], 64, 3),
  training({ id: 'mlp', title: 'MLP 784-256-256-10', batch: 64, data: 'mnist', classes: 10 }, mlp()),
  training({ id: 'cnn', title: 'reference CNN', batch: 64, data: 'mnist', classes: 10 }, cnn()),
  training({ id: 'resnet', title: 'ResNet-8, batch norm', batch: 16, data: 'made', classes: 10 }, resnet()),
  training({ id: 'transformer', title: 'transformer block', batch: 4, data: 'made', classes: 64 }, transformer()),
];
