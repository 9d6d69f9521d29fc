// Cases of activations in pieces, and of the fused gradients that some of them have.
import { grad } from '../../autograd/backward.ts';
import {
  celu,
  elu,
  hardsigmoid,
  hardswish,
  hardtanh,
  leakyRelu,
  prelu,
  relu,
  relu6,
  selu,
} from '../../ops/activation.ts';
import { fromHost } from '../../tensor/creation.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family, refusal } from '../case.ts';
import { between, given, nonzero, normal, SPECIAL } from '../values.ts';
import { exact, floating, half, halves, slopes, spread, sweep, TAIL, type Unary } from './families.ts';

/** The gradient of an activation as a function of x and of the gradient that comes in. */
const gradient = (run: Unary) => (x: Tensor, g: Tensor) =>
  grad(run(x), [x], { gradients: [g], createGraph: true }) as Tensor[];

/** What all have. `kinks` are where the pieces meet; `at` gives the slopes just there. */
const pieces = (op: string, run: Unary, kinks: number[], at: number[]): Case[] => [
  ...floating(op, run, nonzero),
  { op, title: 'small numbers', inputs: [between(-0.1, -0.001, TAIL)], run },
  exact(
    op,
    'around the kinks',
    run,
    kinks.flatMap((x) => [...spread(x - 1, x + 1, 9), x - 1e-6, x + 1e-6]),
  ),
  exact(op, 'all magnitudes', run, sweep(1e-30, 1e30)),
  { op, title: 'slopes', inputs: [given(spread(-7.3, 7.4, 50))], run },
  { op, title: 'large numbers', inputs: [given([-1e4, -100, -50, 50, 100, 1e4])], run, gradients: 'compare' },
  slopes(op, 'slopes at the kinks', run, kinks, at),
  halves(op, 'float16', [nonzero(TAIL)], (x) => run(half(x))),
];

/** A fused gradient: its values at all numbers, NaN too, and its own derivatives. */
const fused = (op: string, run: Unary, kinks: number[]): Case[] => [
  { op, title: 'numbers', inputs: [nonzero(TAIL), normal(TAIL)], run: gradient(run) },
  {
    op,
    title: 'NaN, infinities and zeros',
    inputs: [given(SPECIAL), normal([9])],
    run: gradient(run),
    gradients: 'none',
  },
  {
    op,
    title: 'around the kinks',
    inputs: [given(kinks.flatMap((x) => [x - 1e-6, x, x + 1e-6])), normal([3 * kinks.length])],
    run: gradient(run),
    gradients: 'compare',
  },
];

/** A weight on the device of x. */
const quarter = ({ device }: Tensor) => fromHost('case', [0.25], [1], { device });

const preluCases: Case[] = [
  { op: 'prelu', title: 'one weight', inputs: [nonzero(TAIL), normal([1])], run: prelu },
  { op: 'prelu', title: 'one weight of rank 0', inputs: [nonzero([5]), normal([])], run: prelu },
  { op: 'prelu', title: 'a scalar', inputs: [nonzero([]), normal([1])], run: prelu },
  {
    ...{ op: 'prelu', title: 'no elements, and sizes of 1' },
    inputs: [nonzero([3, 0]), nonzero([0, 1, 2]), nonzero([1, 1, 1]), nonzero([2, 1]), normal([1])],
    run: (...xs) => xs.slice(0, 4).map((x) => prelu(x, xs[4])),
  },
  { op: 'prelu', title: 'no channels', inputs: [nonzero([2, 0]), normal([0])], run: prelu },
  { op: 'prelu', title: 'one weight per channel', inputs: [nonzero([2, 3, 5]), normal([3])], run: prelu },
  { op: 'prelu', title: 'one weight per column', inputs: [nonzero([4, 3]), normal([3])], run: prelu },
  {
    op: 'prelu',
    title: 'NaN, infinities and zeros',
    inputs: [given(SPECIAL), given([-0.5])],
    run: prelu,
    gradients: 'none',
  },
  slopes('prelu', 'slopes at the kink', (x) => prelu(x, quarter(x)), [-1, 0, 1], [0.25, 0.25, 1]),
  { ...halves('prelu', 'float16', [nonzero(TAIL), normal([7])], (x, w) => prelu(half(x), half(w))), gradients: 'none' },
  refusal(
    'prelu',
    'weights for other channels',
    [normal([2, 3]), normal([2])],
    prelu,
    /weight \[1\] or \[3\] for x \[2,3\]/,
  ),
  refusal('prelu', 'weights for no channels', [normal([3]), normal([3])], prelu, /weight \[1\] for x \[3\], got \[3\]/),
  refusal('prelu', 'a number', [normal([2])], (x) => prelu(x, 0.25 as never), /prelu: expected a tensor, got number/),
  refusal('prelu', 'a weight of rank 2', [normal([2, 3]), normal([1, 3])], prelu, /prelu: expected a weight/),
];

export const cases = family({ forward: 1e-6, gradient: 2e-6 }, [
  ...pieces('relu', relu, [0], [0]),
  ...fused('reluGrad', relu, [0]),
  ...pieces('leakyRelu', leakyRelu, [0], [0.01]),
  { op: 'leakyRelu', title: 'another slope', inputs: [nonzero(TAIL)], run: (x) => leakyRelu(x, 0.3) },
  ...fused('leakyReluGrad', (x) => leakyRelu(x, 0.3), [0]),
  ...preluCases,
  ...pieces('elu', elu, [0], [1]),
  exact('elu', 'another alpha', (x) => elu(x, 1.75), sweep(1e-30, 20)),
  { op: 'elu', title: 'slopes of another alpha', inputs: [nonzero(TAIL)], run: (x) => elu(x, 1.7) },
  slopes('elu', 'slopes at the kink, another alpha', (x) => elu(x, 2), [-1, 0, 1], [2 / Math.E, 2, 1]),
  { op: 'elu', title: 'selu', inputs: [nonzero([5, 7])], run: selu },
  { op: 'elu', title: 'celu', inputs: [nonzero([5, 7])], run: (x) => celu(x, 0.7) },
  slopes('elu', 'slopes of celu', (x) => celu(x, 2), [-2, 0, 1], [1 / Math.E, 1, 1]),
  {
    op: 'elu',
    title: 'celu and selu of special numbers',
    inputs: [given(SPECIAL)],
    run: (x) => [celu(x), selu(x)],
    gradients: 'none',
  },
  refusal('elu', 'celu with alpha 0', [normal([2])], (x) => celu(x, 0), /celu: expected an alpha other than 0/),
  ...pieces('hardtanh', hardtanh, [-1, 1], [0, 0]),
  { op: 'hardtanh', title: 'other bounds', inputs: [nonzero(TAIL)], run: (x) => hardtanh(x, -0.25, 1.5) },
  exact('hardtanh', 'relu6', relu6, spread(-2, 8, 41)),
  slopes('hardtanh', 'slopes of relu6', relu6, [-1, 0, 1, 6, 7], [0, 0, 1, 0, 0]),
  refusal('hardtanh', 'bounds that cross', [normal([2])], (x) => hardtanh(x, 2, 1), /expected min <= max, got 2 and 1/),
  ...fused('hardtanhGrad', (x) => hardtanh(x, -0.5, 1), [-0.5, 1]),
  ...pieces('hardsigmoid', hardsigmoid, [-3, 3], [0, 0]),
  ...pieces('hardswish', hardswish, [-3, 3], [0, 1]),
]);
