// Gradients that compiled steps compute in place, in the arena that the optimizer works on.
import { compile, crossEntropy, nn, optim, randn, scope, setDefaultDevice, type Tensor, tensor } from 'downhill';
import { beforeAll, describe, expect, test } from 'vitest';
import { openDevices, owned } from './training.ts';

const devices = openDevices();

/** Layers whose parameters leave gaps behind them, with gradients from reductions, products, convolutions and chains. */
const model = () =>
  new nn.Sequential(
    new nn.Conv2d(1, 3, 3, { padding: 1 }),
    new nn.BatchNorm2d(3),
    new nn.PReLU(),
    new nn.Flatten(),
    new nn.LayerNorm([75]),
    new nn.Linear(75, 7),
    new nn.Tanh(),
    new nn.Linear(7, 5),
  );

function stepOf(penalty: (parameters: Tensor[]) => Tensor | null) {
  const net = owned(model());
  const parameters = [...net.parameters()];
  const optimizer = owned(new optim.Adam(parameters, { lr: 0.01 }));
  const step = (x: Tensor, y: Tensor) => {
    optimizer.zeroGrad();
    const loss = crossEntropy(net.call(x), y);
    const more = penalty(parameters);
    (more ? loss.add(more) : loss).backward();
    const norm = optimizer.clipGradNorm(0.5);
    optimizer.step();
    return norm;
  };
  return { net, parameters, step };
}

describe('gradients in place', () => {
  beforeAll(() => setDefaultDevice(devices.webgpu));

  test.each<[string, (parameters: Tensor[]) => Tensor | null, packs: number]>([
    ['of the loss', () => null, 0],
    // Gradients of 3 and 7 elements come out of elementwise chains, which may write beyond: all are packed.
    ['and of a penalty on all parameters', (all) => all.map((p) => p.square().sum()).reduce((a, b) => a.add(b)), 1],
    ['and of one on weights of whole quads', ([weight, ...all]) => all.at(-2)!.square().sum().mul(weight.sum()), 0],
  ])('%s: norms and steps as without compile', async (_, penalty, packs) => {
    const eager = stepOf(penalty);
    const compiled = stepOf(penalty);
    compiled.net.loadStateDict(await eager.net.stateDict());
    const run = owned(compile(compiled.step));
    for (let i = 0; i < 3; i++) {
      const x = owned(randn([4, 1, 5, 5]));
      const y = owned(tensor(Int32Array.of(0, 1, 2, 4)));
      const expected = owned(scope(() => eager.step(x, y)));
      const norm = owned(run(x, y));
      expect(await norm.item()).toBeCloseTo(await expected.item(), 4);
    }
    const ops = run.explain().kernels.map(({ op }) => op);
    expect(ops.filter((op) => op === 'pack')).toHaveLength(packs);
    for (const [i, p] of compiled.parameters.entries()) {
      const [found, expected] = [await p.data(), await eager.parameters[i].data()];
      found.forEach((v, j) => {
        expect(v).toBeCloseTo(expected[j], 4);
      });
    }
  });
});
