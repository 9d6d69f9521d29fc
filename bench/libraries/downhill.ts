// downhill: every workload is one compiled function. On its CPU device it is also the float64 reference.
import {
  add,
  compile,
  conv2d,
  defaultDevice,
  grad,
  matmul,
  mul,
  optim,
  relu,
  softmax,
  sum,
  type Tensor,
  tensor,
  VERSION,
} from 'downhill';
import { sizeOf, values } from '../workloads/values.ts';
import { BATCHES, type OpName, type OpWorkload, type TrainData, type TrainWorkload } from '../workloads/workload.ts';
import { forward } from './downhill-network.ts';
import { batchesOf, type Library, type Prepared } from './library.ts';

type Inputs = Record<string, Tensor>;

const ops: Record<OpName, (inputs: Inputs, padding: number) => Tensor> = {
  matmul: ({ a, b }) => matmul(a, b),
  add: ({ a, b }) => add(a, b),
  mulAddRelu: ({ a, b }) => relu(add(mul(a, b), a)),
  sum: ({ a }) => sum(a),
  sumDim0: ({ a }) => sum(a, 0),
  softmax: ({ a }) => softmax(a, -1),
  conv: ({ x, w }, padding) => conv2d(x, w, null, { padding }),
  // The forward pass is dropped from the compiled function, since nothing needs it.
  convDx: ({ w, dy }, padding) => gradient(dy, padding, { w }),
  convDw: ({ x, dy }, padding) => gradient(dy, padding, { x }),
};

function gradient(dy: Tensor, padding: number, { x, w }: { x?: Tensor; w?: Tensor }): Tensor {
  const [N, O, H, W] = dy.shape;
  const kernel = 2 * padding + 1;
  const wanted = x ? zerosLike([O, x.shape[1], kernel, kernel]) : zerosLike([N, w!.shape[1], H, W]);
  const y = conv2d(x ?? wanted, w ?? wanted, null, { padding });
  return grad(y, [wanted], { gradients: [dy] })[0]!;
}

const zerosLike = (shape: number[]) => tensor(new Float32Array(sizeOf(shape)), { shape, requiresGrad: true });

/** What a step left behind; the one before is released. */
class Last {
  private tensor: Tensor | null = null;

  set(next: Tensor): void {
    this.tensor?.dispose();
    this.tensor = next;
  }

  /** One element, which is there when all is. */
  async finish(): Promise<void> {
    const flat = this.tensor!.reshape([-1]);
    const one = flat.slice(0, 0, 1);
    await one.data();
    one.dispose();
    flat.dispose();
  }

  result = () => this.tensor!.data();
}

export const downhill: Library = {
  version: VERSION,

  op({ op, inputs, padding, reference }: OpWorkload): Prepared {
    // The reference computes the part that is checked.
    const part = defaultDevice().kind === 'cpu' ? reference?.inputs : undefined;
    const tensors: Inputs = {};
    for (const [name, { shape, fill }] of Object.entries(inputs)) {
      const { shape: s, index } = part?.[name] ?? { shape, index: undefined };
      tensors[name] = tensor(values(fill, sizeOf(s), index), { shape: s });
    }
    const last = new Last();
    const step = compile(() => ops[op](tensors, padding));
    return {
      step: () => last.set(step()),
      finish: () => last.finish(),
      result: last.result,
      parameters: async () => [],
    };
  },

  train({ network, batch, lr, eps }: TrainWorkload, data: TrainData): Prepared {
    const params = network.params.map(({ shape, fill }) =>
      tensor(values(fill, sizeOf(shape)), { shape, requiresGrad: true }),
    );
    const stats = network.stats.map((channels) => ({
      runningMean: tensor(new Float32Array(channels)),
      runningVar: tensor(new Float32Array(channels).fill(1)),
    }));
    const optimizer = new optim.Adam(params, { lr, eps });
    const batches = batchesOf(data).map(({ x, y }) => {
      return [tensor(x, { shape: [batch, ...network.input] }), tensor(y)] as const;
    });
    const step = compile((x: Tensor, y: Tensor) => {
      optimizer.zeroGrad();
      const loss = forward(network.layers, x, params, stats).crossEntropy(y);
      loss.backward();
      optimizer.step();
      return loss;
    });
    const last = new Last();
    return {
      step: (i) => last.set(step(...batches[i % BATCHES])),
      finish: async () => void (await last.result()),
      result: last.result,
      parameters: () => Promise.all(params.map((p) => p.data())),
    };
  },
};
