// What L-BFGS remembers: pairs of a step and the change of the gradient along it, and the direction that they give.
import { noGrad } from '../autograd/tape.ts';
import { add, mul, neg, sub } from '../ops/arithmetic.ts';
import { sum } from '../ops/broadcast.ts';
import { stack } from '../ops/join.ts';
import { keep, scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** A step s, the change y of the gradient along it, and 1 / (y s). */
export interface Pair {
  s: Tensor;
  y: Tensor;
  rho: number;
}

export const dot = (a: Tensor, b: Tensor): Tensor => sum(mul(a, b));

/** The values of tensors of rank 0, in one reading. */
export async function read(make: () => Tensor[]): Promise<number[]> {
  const values = noGrad(() => scope(() => keep(stack(make()))));
  try {
    return [...(await values.data())];
  } finally {
    values.dispose();
  }
}

/** Pairs whose curvature y s is no more than this share of y y tell nothing but rounding. */
const CURVATURE = Number.EPSILON;

export class History {
  private readonly size: number;
  private readonly pairs: Pair[] = [];
  /** The inverse Hessian is this multiple of the identity where nothing else is known: (y s) / (y y) of the last pair. */
  private scale = 1;

  constructor(size: number) {
    this.size = size;
  }

  get length(): number {
    return this.pairs.length;
  }

  get gamma(): number {
    return this.scale;
  }

  get rho(): number[] {
    return this.pairs.map(({ rho }) => rho);
  }

  /** All s and y by name, the oldest first. */
  get tensors(): Record<string, Tensor> {
    return Object.fromEntries(this.pairs.flatMap(({ s, y }, i) => [[`s.${i}`, s] as const, [`y.${i}`, y] as const]));
  }

  /** -H g by the two-loop recursion (Nocedal and Wright, algorithm 7.4). The caller disposes of it. */
  direction(gradient: Tensor): Tensor {
    return noGrad(() =>
      scope(() => {
        let d = neg(gradient);
        const alphas: Tensor[] = [];
        for (const { s, y, rho } of [...this.pairs].reverse()) {
          const alpha = mul(dot(s, d), rho);
          d = sub(d, mul(y, alpha));
          alphas.unshift(alpha);
        }
        d = mul(d, this.scale);
        this.pairs.forEach(({ s, y, rho }, i) => {
          d = add(d, mul(s, sub(alphas[i], mul(dot(y, d), rho))));
        });
        return keep(d);
      }),
    );
  }

  /** Remembers a pair, and owns it; the oldest one goes where there are too many. Leaves it out where it tells nothing. */
  async remember(s: Tensor, y: Tensor): Promise<void> {
    const [ys, yy] = await read(() => [dot(y, s), dot(y, y)]);
    if (!(ys > CURVATURE * yy && Number.isFinite(1 / ys))) {
      release({ s, y });
      return;
    }
    this.pairs.push({ s, y, rho: 1 / ys });
    this.scale = ys / yy;
    if (this.pairs.length > this.size) release(this.pairs.shift()!);
  }

  /** Takes up pairs in the place of those that there are. */
  replace(pairs: Pair[], gamma: number): void {
    this.clear();
    this.pairs.push(...pairs);
    this.scale = gamma;
  }

  clear(): void {
    for (const pair of this.pairs.splice(0)) release(pair);
    this.scale = 1;
  }
}

export function release({ s, y }: { s: Tensor; y: Tensor }): void {
  s.dispose();
  y.dispose();
}
