// Cases of activations and of the fused gradients that some of them have.
import { grad } from '../../autograd/tape.ts';
import { elu, leakyRelu, relu, sigmoid, tanh } from '../../ops/activation.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family, refusal } from '../case.ts';
import { between, coins, given, type Input, nonzero, normal, SPECIAL } from '../values.ts';

const TAIL: Shape = [3, 7];

type Activation = (x: Tensor) => Tensor;

/** The gradient of an activation as a function of x and of the gradient that comes in. */
const slope = (run: Activation) => (x: Tensor, g: Tensor) =>
  grad(run(x), [x], { gradients: [g], createGraph: true }) as Tensor[];

const activation = (op: string, run: Activation, domain: (shape: Shape) => Input): Case[] => [
  { op, title: 'numbers', inputs: [domain(TAIL)], run },
  { op, title: 'small numbers', inputs: [between(-0.1, -0.001, TAIL)], run },
  {
    op,
    title: 'large numbers',
    inputs: [given([-1e4, -200, -100, -50, 50, 100, 200, 1e4])],
    run,
    gradients: 'compare',
  },
  { op, title: 'NaN, infinities and zeros', inputs: [given(SPECIAL)], run, gradients: 'none' },
  refusal(op, 'bool', [coins([2])], run, new RegExp(`${op}: expected x of dtype float32 or float16, got bool`)),
];

const slopes = (op: string, run: Activation): Case[] => [
  { op, title: 'numbers', inputs: [nonzero(TAIL), normal(TAIL)], run: slope(run) },
  // The gradient at 0 is that of the left side, and NaN lets gradients through, as in PyTorch.
  { op, title: 'NaN, infinities and zeros', inputs: [given(SPECIAL), normal([9])], run: slope(run), gradients: 'none' },
];

export const cases = family({ forward: 1e-6, gradient: 2e-6 }, [
  ...activation('relu', relu, nonzero),
  ...slopes('reluGrad', relu),
  ...activation('leakyRelu', leakyRelu, nonzero),
  { op: 'leakyRelu', title: 'another slope', inputs: [nonzero(TAIL)], run: (x) => leakyRelu(x, 0.3) },
  ...slopes('leakyReluGrad', (x) => leakyRelu(x, 0.3)),
  ...activation('elu', elu, nonzero),
  { op: 'elu', title: 'another alpha', inputs: [nonzero(TAIL)], run: (x) => elu(x, 1.7) },
  ...activation('sigmoid', sigmoid, normal),
  ...activation('tanh', tanh, normal),
]);
