// Who races, with learning rates that suit each surface, and the path that one takes.
import { backward } from '../../autograd/backward.ts';
import { tensor } from '../../tensor/creation.ts';
import type { Device } from '../../tensor/device.ts';
import { scope } from '../../tensor/scope.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { LBFGS } from '../lbfgs.ts';
import type { Optimizer } from '../optimizer.ts';
import { Adadelta, Adagrad, Adam, AdamW, RMSprop, SGD } from '../optimizers.ts';
import type { Surface, SurfaceName } from './surfaces.ts';

export interface Contestant {
  name: string;
  /** `#rrggbb`, to be told apart on white and on black. */
  color: string;
  make(parameters: Tensor[], lr: number): Optimizer | LBFGS;
  /** Learning rates. */
  lr: Record<SurfaceName, number>;
}

export const contestants: readonly Contestant[] = [
  {
    name: 'SGD',
    color: '#7a8699',
    make: (p, lr) => new SGD(p, { lr }),
    lr: { bowl: 0.03, rosenbrock: 0.002, saddle: 0.05, valley: 0.9 },
  },
  {
    name: 'Momentum',
    color: '#e5484d',
    make: (p, lr) => new SGD(p, { lr, momentum: 0.9 }),
    lr: { bowl: 0.03, rosenbrock: 0.001, saddle: 0.03, valley: 0.3 },
  },
  {
    name: 'Nesterov',
    color: '#f76b15',
    make: (p, lr) => new SGD(p, { lr, momentum: 0.9, nesterov: true }),
    lr: { bowl: 0.03, rosenbrock: 0.001, saddle: 0.03, valley: 0.2 },
  },
  {
    name: 'Adagrad',
    color: '#12a594',
    make: (p, lr) => new Adagrad(p, { lr }),
    lr: { bowl: 0.5, rosenbrock: 0.7, saddle: 0.3, valley: 3 },
  },
  {
    name: 'Adadelta',
    color: '#ad7f58',
    make: (p, lr) => new Adadelta(p, { lr, rho: 0.9, eps: 1e-4 }),
    lr: { bowl: 2, rosenbrock: 1, saddle: 2, valley: 3 },
  },
  {
    name: 'RMSprop',
    color: '#8e4ec6',
    make: (p, lr) => new RMSprop(p, { lr, alpha: 0.9 }),
    lr: { bowl: 0.05, rosenbrock: 0.03, saddle: 0.02, valley: 0.1 },
  },
  {
    name: 'Adam',
    color: '#0090ff',
    make: (p, lr) => new Adam(p, { lr }),
    lr: { bowl: 0.1, rosenbrock: 0.15, saddle: 0.05, valley: 0.3 },
  },
  {
    name: 'AdamW',
    color: '#e93d82',
    make: (p, lr) => new AdamW(p, { lr, weightDecay: 0.1 }),
    lr: { bowl: 0.1, rosenbrock: 0.15, saddle: 0.05, valley: 0.2 },
  },
  {
    name: 'L-BFGS',
    color: '#30a46c',
    make: (p, lr) => new LBFGS(p, { lr, maxIter: 1 }),
    lr: { bowl: 1, rosenbrock: 1, saddle: 1, valley: 1 },
  },
];

/** Where an optimizer was, from the start on. */
export interface Path {
  x: number[];
  y: number[];
  loss: number[];
}

/** Beyond this the path ends: what left the picture that far does not come back. */
const FAR = 1e6;

/** The path of `steps` steps on a surface; shorter where it leaves for good. Runs on `device`, by default that of init(). */
export async function race(
  surface: Surface,
  make: (parameters: Tensor[]) => Optimizer | LBFGS,
  { steps, device }: { steps: number; device?: Device },
): Promise<Path> {
  const point = tensor([...surface.start], { device, requiresGrad: true });
  const optimizer = make([point]);
  const closure = () => {
    optimizer.zeroGrad();
    const loss = surface.loss(point);
    backward(loss);
    return loss;
  };
  const path: Path = { x: [], y: [], loss: [] };
  try {
    for (let step = 0; ; step++) {
      const [x, y] = await point.data();
      if (!(Math.hypot(x, y) < FAR)) break;
      path.x.push(x);
      path.y.push(y);
      path.loss.push(surface.value(x, y));
      if (step === steps) break;
      if (optimizer instanceof LBFGS) {
        // Where it has not moved it has arrived, and would only search in vain.
        const [before, last] = [path.x.length - 2, path.x.length - 1];
        const arrived = last > 0 && path.x[before] === x && path.y[before] === y;
        if (!arrived) await optimizer.step(closure);
      } else {
        scope(closure).dispose();
        optimizer.step();
      }
    }
  } finally {
    optimizer.dispose();
    point.dispose();
  }
  return path;
}
