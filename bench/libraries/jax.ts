// jax-js: every workload is one function under jit. Ownership is by `.ref`: what is passed without it is given away.
import { defaultDevice, init, jit, lax, nn, numpy as np, tree, valueAndGrad, vjp } from '@jax-js/jax';
import manifest from '../node_modules/@jax-js/jax/package.json' with { type: 'json' };
import { sizeOf, values } from '../workloads/values.ts';
import { BATCHES, type OpName, type OpWorkload, type TrainData, type TrainWorkload } from '../workloads/workload.ts';
import { forward, lossOf } from './jax-network.ts';
import { batchesOf, type Library, type Prepared } from './library.ts';

type Arrays = Record<string, np.Array>;

const convolve = (x: np.Array, w: np.Array, padding: number) =>
  lax.conv(
    x,
    w,
    [1, 1],
    [
      [padding, padding],
      [padding, padding],
    ],
  );

const ops: Record<OpName, (inputs: Arrays, padding: number) => np.Array> = {
  matmul: ({ a, b }) => np.matmul(a, b),
  add: ({ a, b }) => np.add(a, b),
  mulAddRelu: ({ a, b }) => nn.relu(a.ref.mul(b).add(a)),
  sum: ({ a }) => np.sum(a),
  sumDim0: ({ a }) => np.sum(a, 0),
  softmax: ({ a }) => nn.softmax(a, -1),
  conv: ({ x, w }, padding) => convolve(x, w, padding),
  convDx: ({ w, dy }, padding) => {
    const [N, , H, W] = dy.shape;
    const zeros = np.zeros([N, w.shape[1], H, W]);
    return gradient((x: np.Array) => convolve(x, w.ref, padding), zeros, dy, w);
  },
  convDw: ({ x, dy }, padding) => {
    const zeros = np.zeros([dy.shape[1], x.shape[1], 2 * padding + 1, 2 * padding + 1]);
    return gradient((w: np.Array) => convolve(x.ref, w, padding), zeros, dy, x);
  },
};

/** jit leaves out the forward pass, since nothing needs it. */
function gradient(f: (x: np.Array) => np.Array, at: np.Array, dy: np.Array, used: np.Array): np.Array {
  const [y, pull] = vjp(f, [at]);
  y.dispose();
  const [dx] = pull(dy) as [np.Array];
  pull.dispose();
  used.dispose();
  return dx;
}

/** What a step left behind; the one before is released. */
class Last {
  private array: np.Array | null = null;
  private steps = 0;

  set(next: np.Array): void {
    this.array?.dispose();
    this.array = next;
    // Arrays are lazy: this hands over what they wait for. The first step is left to finish(), which compiles side by side.
    if (this.steps++ > 0) next.ref.gpuBufferSync();
  }

  finish = async (): Promise<void> => void (await this.array!.blockUntilReady());
  result = () => this.array!.ref.data() as Promise<Float32Array>;
}

function adam(lr: number, eps: number) {
  const [b1, b2] = [0.9, 0.999];
  return (p: np.Array, g: np.Array, m: np.Array, v: np.Array, c1: np.Array, c2: np.Array) => {
    const first = m.mul(b1).add(g.ref.mul(1 - b1));
    const second = v.mul(b2).add(np.square(g).mul(1 - b2));
    const direction = first.ref.div(c1).div(np.sqrt(second.ref.div(c2)).add(eps));
    return [p.sub(direction.mul(lr)), first, second];
  };
}

const library: Library = {
  version: manifest.version,

  op({ op, inputs, padding }: OpWorkload): Prepared {
    const arrays: Arrays = {};
    for (const [name, { shape, fill }] of Object.entries(inputs)) {
      arrays[name] = np.array(values(fill, sizeOf(shape))).reshape(shape);
    }
    const compiled = jit((given: Arrays) => ops[op](given, padding));
    const last = new Last();
    return {
      step: () => last.set(compiled(tree.ref(arrays)) as np.Array),
      finish: last.finish,
      result: last.result,
      parameters: async () => [],
    };
  },

  train({ network, batch, lr, eps, classes }: TrainWorkload, data: TrainData): Prepared {
    const zeros = (shape: number[]) => np.array(new Float32Array(sizeOf(shape))).reshape(shape);
    const ones = (shape: number[]) => np.array(new Float32Array(sizeOf(shape)).fill(1)).reshape(shape);
    let state = {
      params: network.params.map(({ shape, fill }) => np.array(values(fill, sizeOf(shape))).reshape(shape)),
      first: network.params.map(({ shape }) => zeros(shape)),
      second: network.params.map(({ shape }) => zeros(shape)),
      stats: network.stats.flatMap((channels) => [zeros([channels]), ones([channels])]),
      /** 0.9 and 0.999 to the power of the steps so far. */
      powers: [ones([]), ones([])],
    };
    type State = typeof state;
    const update = adam(lr, eps);

    const compiled = jit((before: State, x: np.Array, y: np.Array): { after: State; loss: np.Array } => {
      const loss = (params: np.Array[]) => {
        const stats: np.Array[] = [];
        const logits = forward(network.layers, x, params, before.stats, stats);
        tree.dispose(params);
        return [lossOf(logits, y, classes), stats] as [np.Array, np.Array[]];
      };
      const [[value, stats], grads] = valueAndGrad(loss, { hasAux: true })(tree.ref(before.params));
      const powers = [before.powers[0].mul(0.9), before.powers[1].mul(0.999)];
      const corrections = powers.map((power) => np.subtract(1, power.ref));
      const updated = before.params.map((p, i) =>
        update(p, (grads as np.Array[])[i], before.first[i], before.second[i], corrections[0].ref, corrections[1].ref),
      );
      tree.dispose(corrections);
      tree.dispose(before.stats);
      const part = (n: number) => updated.map((parts) => parts[n]);
      return { after: { params: part(0), first: part(1), second: part(2), stats, powers }, loss: value };
    });

    const batches = batchesOf(data).map(({ x, y }) => {
      return { x: np.array(x).reshape([batch, ...network.input]), y: np.array(y, { dtype: np.int32 }) };
    });
    const last = new Last();
    return {
      step: (i) => {
        const { x, y } = batches[i % BATCHES];
        const { after, loss } = compiled(state, x.ref, y.ref) as { after: State; loss: np.Array };
        state = after;
        last.set(loss);
      },
      finish: async () => void (await last.result()),
      result: last.result,
      parameters: () => Promise.all(state.params.map((p) => p.ref.data() as Promise<Float32Array>)),
    };
  },
};

/** Opens WebGPU on the adapter that the navigator gives. */
export async function open(): Promise<Library> {
  const devices = await init('webgpu');
  if (!devices.includes('webgpu')) throw new Error('jax-js did not open WebGPU');
  defaultDevice('webgpu');
  return library;
}
