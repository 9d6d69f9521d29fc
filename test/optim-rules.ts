// Formulas of the optimizers in float64, written without looking at the kernels: PyTorch's, for one number each, the notes'
// Nesterov momentum, and L-BFGS with its inverse Hessian as a matrix.

/** Moves x by its gradient g in step t, from 1; keeps its states to itself. */
export type Rule = (x: number, g: number, t: number) => number;

export const sgd =
  (lr: number, { momentum = 0, dampening = 0, nesterov = false, decay = 0 } = {}) =>
  (): Rule => {
    let buffer: number | null = null;
    return (x, gradient) => {
      const g = gradient + decay * x;
      if (momentum === 0) return x - lr * g;
      buffer = buffer === null ? g : momentum * buffer + (1 - dampening) * g;
      return x - lr * (nesterov ? g + momentum * buffer : buffer);
    };
  };

export const adagrad =
  (lr: number, { lrDecay = 0, decay = 0, initial = 0, eps = 1e-10 } = {}) =>
  (): Rule => {
    let sum = initial;
    return (x, gradient, t) => {
      const g = gradient + decay * x;
      sum += g ** 2;
      return x - ((lr / (1 + (t - 1) * lrDecay)) * g) / (Math.sqrt(sum) + eps);
    };
  };

export const adadelta =
  (lr: number, { rho = 0.9, eps = 1e-6, decay = 0 } = {}) =>
  (): Rule => {
    let [squares, deltas] = [0, 0];
    return (x, gradient) => {
      const g = gradient + decay * x;
      squares = squares * rho + g * g * (1 - rho);
      const delta = (Math.sqrt(deltas + eps) / Math.sqrt(squares + eps)) * g;
      deltas = deltas * rho + delta * delta * (1 - rho);
      return x - lr * delta;
    };
  };

export const rmsprop =
  (lr: number, { alpha = 0.99, eps = 1e-8, decay = 0, momentum = 0, centered = false } = {}) =>
  (): Rule => {
    let [squares, mean, buffer] = [0, 0, 0];
    return (x, gradient) => {
      const g = gradient + decay * x;
      squares = alpha * squares + (1 - alpha) * g * g;
      mean += (g - mean) * (1 - alpha);
      const average = Math.sqrt(centered ? squares - mean ** 2 : squares) + eps;
      if (momentum === 0) return x - (lr * g) / average;
      buffer = momentum * buffer + g / average;
      return x - lr * buffer;
    };
  };

export const adam =
  (lr: number, { betas = [0.9, 0.999], eps = 1e-8, decay = 0, decoupled = 0, amsgrad = false } = {}) =>
  (): Rule => {
    let [m, v, largest] = [0, 0, 0];
    return (x, gradient, t) => {
      const g = gradient + decay * x;
      const shrunk = x * (1 - lr * decoupled);
      m += (g - m) * (1 - betas[0]);
      v = betas[1] * v + (1 - betas[1]) * g * g;
      largest = Math.max(largest, v);
      const denominator = Math.sqrt(amsgrad ? largest : v) / Math.sqrt(1 - betas[1] ** t) + eps;
      return shrunk - ((lr / (1 - betas[0] ** t)) * m) / denominator;
    };
  };

/** Nesterov momentum as the CS231n notes rewrite it, with the learning rate inside of the velocity. */
export const notesNesterov = (lr: number, mu: number) => (): Rule => {
  let v = 0;
  return (x, gradient) => {
    const before = v;
    v = mu * v - lr * gradient;
    return x - mu * before + (1 + mu) * v;
  };
};

/** A function of some numbers, and its gradient. */
export interface Landscape {
  value(x: number[]): number;
  slope(x: number[]): number[];
}

interface Probe {
  t: number;
  phi: number;
  slope: number;
}

const inner = (a: number[], b: number[]) => a.reduce((sum, v, i) => sum + v * b[i], 0);

/** (3.59) of Nocedal and Wright. */
function minimumOfCubic(a: Probe, b: Probe): number {
  const d1 = a.slope + b.slope - 3 * ((a.phi - b.phi) / (a.t - b.t));
  const root = Math.sqrt(d1 ** 2 - a.slope * b.slope);
  const d2 = b.t > a.t ? root : -root;
  return b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2));
}

const within = (t: number, low: number, high: number, otherwise: number) =>
  Number.isFinite(t) ? Math.max(low, Math.min(high, t)) : otherwise;

/** A step length by algorithms 3.5 and 3.6 there, with c1 = 1e-4 and c2 = 0.9. */
function wolfe(phi: (t: number) => Probe, first: number): number {
  const zero = phi(0);
  const enough = (p: Probe) => p.phi <= zero.phi + 1e-4 * p.t * zero.slope;
  const level = (p: Probe) => Math.abs(p.slope) <= 0.9 * Math.abs(zero.slope);
  const zoom = (from: Probe, to: Probe): number => {
    let [low, high] = [from, to];
    for (;;) {
      const [left, right] = [low.t, high.t].sort((a, b) => a - b);
      const tenth = (right - left) / 10;
      const p = phi(within(minimumOfCubic(low, high), left + tenth, right - tenth, (left + right) / 2));
      if (!enough(p) || p.phi >= low.phi) high = p;
      else if (level(p)) return p.t;
      else [low, high] = [p, p.slope * (high.t - low.t) >= 0 ? low : high];
    }
  };
  let before = zero;
  let p = phi(first);
  for (let i = 1; ; i++) {
    if (!enough(p) || (i > 1 && p.phi >= before.phi)) return zoom(before, p);
    if (level(p)) return p.t;
    if (p.slope >= 0) return zoom(p, before);
    const [least, most] = [p.t + 0.01 * (p.t - before.t), 10 * p.t];
    const next = phi(within(minimumOfCubic(before, p), least, most, most));
    [before, p] = [p, next];
  }
}

/** Where L-BFGS is after each iteration: the inverse Hessian is built up anew from the last `memory` pairs, as a matrix. */
export function lbfgs({ value, slope }: Landscape, start: number[], iterations: number, memory = 100): number[][] {
  const n = start.length;
  const pairs: { s: number[]; y: number[] }[] = [];
  const path: number[][] = [];
  let x = start;
  for (let k = 0; k < iterations; k++) {
    const g = slope(x);
    const last = pairs.at(-1);
    const scale = last ? inner(last.s, last.y) / inner(last.y, last.y) : 1;
    let inverse = g.map((_, i) => g.map((_, j) => (i === j ? scale : 0)));
    for (const { s, y } of pairs) {
      const rho = 1 / inner(s, y);
      // H = (I - rho s yT) H (I - rho y sT) + rho s sT
      const left = s.map((si, i) => y.map((yj, j) => (i === j ? 1 : 0) - rho * si * yj));
      const product = (a: number[][], b: number[][]) =>
        a.map((row) =>
          b[0].map((_, j) =>
            inner(
              row,
              b.map((other) => other[j]),
            ),
          ),
        );
      const right = left.map((row, i) => row.map((_, j) => left[j][i]));
      inverse = product(product(left, inverse), right).map((row, i) => row.map((v, j) => v + rho * s[i] * s[j]));
    }
    const d = inverse.map((row) => -inner(row, g));
    const at = (t: number) => x.map((v, i) => v + t * d[i]);
    const first = k === 0 ? Math.min(1, 1 / g.reduce((total, v) => total + Math.abs(v), 0)) : 1;
    const t = wolfe((t) => ({ t, phi: value(at(t)), slope: inner(slope(at(t)), d) }), first);
    const next = at(t);
    const after = slope(next);
    pairs.push({ s: d.map((v) => t * v), y: Array.from({ length: n }, (_, i) => after[i] - g[i]) });
    if (pairs.length > memory) pairs.shift();
    x = next;
    path.push(x);
  }
  return path;
}
