// L-BFGS: steps by an approximate inverse Hessian out of the last few steps, for full batches.
import { apply, noGrad } from '../autograd/tape.ts';
import { gradNormOp, packOp, swapOp } from '../ops/arena.ts';
import { abs, mul, sub } from '../ops/arithmetic.ts';
import { sum } from '../ops/broadcast.ts';
import { contiguous } from '../ops/elementwise.ts';
import { stack } from '../ops/join.ts';
import { sgdOp } from '../ops/update.ts';
import { zeros } from '../tensor/creation.ts';
import { CompileError } from '../tensor/errors.ts';
import { tracing } from '../tensor/live.ts';
import { keep, scope } from '../tensor/scope.ts';
import { checkState, type HostTensor } from '../tensor/state.ts';
import { Tensor } from '../tensor/tensor.ts';
import { checkGradients, dropGradients, ParameterArena } from './arena.ts';
import { checkRange, checkWhole, withDefaults } from './check.ts';
import { dot, History, read } from './history.ts';
import { type SearchOptions, strongWolfe, type Trial } from './line-search.ts';

export interface LBFGSOptions {
  /** Length of the first trial of each line search. Default: 1. */
  lr: number;
  /** Iterations in a step. Default: 20. */
  maxIter: number;
  /** After so many evaluations of the closure no further iteration begins. Default: 5/4 of maxIter. */
  maxEval: number;
  /** Ends a step where no gradient is larger. Default: 1e-7. */
  toleranceGrad: number;
  /** Ends a step where neither the loss nor any parameter changes by more. Default: 1e-9. */
  toleranceChange: number;
  /** Pairs of steps and changes of the gradient that are remembered, each as large as the parameters twice. Default: 100. */
  historySize: number;
}

/** Trials of one line search. */
const TRIALS = 25;

/** A trial with the gradient there. */
interface Point extends Trial {
  gradient: Tensor;
}

/** A line through the parameters as they were, along a direction. */
interface Line {
  begin: Tensor;
  direction: Tensor;
}

export interface LBFGSValues {
  optimizer: 'LBFGS';
  lr: number;
  /** The scale of the inverse Hessian, and 1 / (y s) of each pair. */
  gamma: number;
  rho: number[];
}

const largest = (x: Tensor): Tensor => apply(gradNormOp, [x], { normType: Number.POSITIVE_INFINITY })[0];

/**
 * L-BFGS with a strong Wolfe line search (Nocedal and Wright, "Numerical Optimization", algorithm 7.4). One step() is up to
 * maxIter iterations, each with a few evaluations of a closure that zeroes the gradients, computes the loss, calls backward()
 * and returns the loss: always of the same, whole data. All vectors stay on the device, some numbers are read in each iteration.
 *
 *     await optimizer.step(() => {
 *       optimizer.zeroGrad();
 *       const loss = model.call(x).mseLoss(y);
 *       loss.backward();
 *       return loss;
 *     });
 *
 * The direction is -H g by the two-loop recursion over the remembered pairs, H beginning as (s y) / (y y) of the last one. The
 * first trial is lr long, in the very first iteration lr min(1, 1 / sum |g|). A pair without positive curvature is left out.
 * Options, names and defaults are PyTorch's with `lineSearchFn: 'strong_wolfe'`. As there, a line goes through all parameters at
 * once, so that there are no groups, and the search follows the loss that the closure returns: weight decay is a penalty there,
 * `loss.add(l2Penalty(model.parameters()).mul(weightDecay / 2))`, and gradients are not clipped, since they would no longer
 * be those of the loss. Throws a RangeError for an option out of range, and a TypeError for parameter groups.
 */
export class LBFGS {
  /** One group; its learning rate may be set between steps. */
  readonly paramGroups: readonly [{ readonly params: readonly Tensor[]; lr: number }];
  private readonly options: Omit<LBFGSOptions, 'lr'>;
  private readonly arena: ParameterArena;
  private readonly history: History;
  private running = false;

  constructor(parameters: Iterable<Tensor>, options: Partial<LBFGSOptions> = {}) {
    const given = [...parameters] as unknown[];
    if (given.some((one) => !(one instanceof Tensor) && typeof one === 'object' && one !== null && 'params' in one)) {
      throw new TypeError(
        'LBFGS: expected one list of parameters, got groups: its steps move all parameters by one length',
      );
    }
    if ('weightDecay' in options) {
      throw new TypeError(
        'LBFGS: there is no option weightDecay: add weightDecay / 2 times l2Penalty() to the loss in the closure',
      );
    }
    const defaults = { lr: 1, maxIter: 20, maxEval: 0, toleranceGrad: 1e-7, toleranceChange: 1e-9, historySize: 100 };
    const { lr, ...rest } = withDefaults<LBFGSOptions>('LBFGS', defaults, options);
    const { maxIter, historySize, toleranceGrad, toleranceChange } = rest;
    if (options.maxEval === undefined) rest.maxEval = Math.floor((maxIter * 5) / 4);
    checkRange('LBFGS', { lr, toleranceGrad, toleranceChange }, 0, Number.POSITIVE_INFINITY);
    checkWhole('LBFGS', { maxIter, maxEval: rest.maxEval, historySize }, 1);
    this.options = rest;
    this.history = new History(historySize);
    this.arena = new ParameterArena('LBFGS', given as Tensor[]);
    this.paramGroups = [{ params: this.arena.parameters, lr }];
  }

  get parameters(): readonly Tensor[] {
    return this.arena.parameters;
  }

  get lr(): number {
    return this.paramGroups[0].lr;
  }

  set lr(value: number) {
    this.paramGroups[0].lr = value;
  }

  /** Drops all gradients. */
  zeroGrad(): void {
    dropGradients(this.parameters);
  }

  /**
   * Minimizes the loss of `closure`; resolves with what it was at first. Ends early where a tolerance is met, and where the line
   * search finds nothing better, which float32 brings about near a minimum. A loss that is no finite number ends it
   * without a move. Throws a CompileError inside of compile(), a TypeError where the closure returns no loss, and an Error
   * while another step is under way.
   */
  step(closure: () => Tensor): Promise<number> {
    if (tracing()) {
      throw new CompileError(
        'compile: LBFGS.step() reads the loss to find its way, and cannot be traced: call it outside',
      );
    }
    if (this.running) throw new Error('LBFGS: a step is under way; await it before the next one');
    checkRange('LBFGS', { lr: this.lr }, 0, Number.POSITIVE_INFINITY);
    this.running = true;
    return this.iterate(closure).finally(() => {
      this.running = false;
    });
  }

  /** The pairs of the history (live tensors, not copies), and the rest as plain JSON. */
  stateDict(): { tensors: Record<string, Tensor>; values: LBFGSValues } {
    const { gamma, rho, tensors } = this.history;
    return { tensors, values: { optimizer: 'LBFGS', lr: this.lr, gamma, rho } };
  }

  /**
   * Takes up a stateDict(), with its tensors read to the host. Throws a TypeError for values of another optimizer, and a
   * ShapeError that names every tensor that is missing, unexpected or of another shape, before anything is changed.
   */
  loadStateDict({ tensors, values }: { tensors: Record<string, HostTensor>; values: unknown }): void {
    const { optimizer, lr, gamma, rho } = (values ?? {}) as Partial<LBFGSValues>;
    if (optimizer !== 'LBFGS') {
      const got = optimizer ? `that of ${optimizer}` : 'none';
      throw new TypeError(`LBFGS.loadStateDict: expected the state of LBFGS, got ${got}`);
    }
    if (typeof lr !== 'number' || typeof gamma !== 'number' || !Array.isArray(rho)) {
      throw new TypeError(`LBFGS.loadStateDict: expected lr, gamma and rho, got ${Object.keys(values as object)}`);
    }
    checkRange('LBFGS.loadStateDict', { lr }, 0, Number.POSITIVE_INFINITY);
    const { shape, device } = this.arena.values();
    const expected = rho.flatMap((_, i) => [`s.${i}`, `y.${i}`]).map((key) => [key, { shape }] as const);
    checkState('LBFGS.loadStateDict', Object.fromEntries(expected), tensors);
    const load = (key: string) => keep(zeros(shape, { device }).assign(tensors[key].data));
    this.history.replace(
      rho.map((value, i) => ({ s: load(`s.${i}`), y: load(`y.${i}`), rho: value })),
      gamma,
    );
    this.lr = lr;
  }

  /** Releases the history. The parameters keep their memory. */
  dispose(): void {
    this.arena.dispose();
    this.history.clear();
  }

  private async iterate(closure: () => Tensor): Promise<number> {
    const { maxIter, maxEval, toleranceGrad, toleranceChange } = this.options;
    let here = await this.evaluate(closure);
    const { loss: first } = here;
    let left = maxEval - 1;
    try {
      for (let i = 0; i < maxIter && (i === 0 || left > 0) && Number.isFinite(here.loss); i++) {
        const { loss, gradient } = here;
        const line: Line = { begin: this.copy(), direction: this.history.direction(gradient) };
        try {
          const { direction } = line;
          const [slope, size, top, total] = await read(() => [
            dot(gradient, direction),
            largest(direction),
            largest(gradient),
            sum(abs(gradient)),
          ]);
          if (!(top > toleranceGrad && slope < 0)) break;
          const length = this.history.length > 0 ? this.lr : this.lr * Math.min(1, 1 / total);
          const options = { trials: TRIALS, tolerance: toleranceChange / size };
          const { found, evaluations } = await this.search(closure, line, { ...here, t: 0, slope }, length, options);
          left -= evaluations;
          // Nothing better along this direction: what led to it is forgotten.
          if (found.t === 0) {
            this.history.clear();
            break;
          }
          here = found;
          await this.history.remember(
            noGrad(() => keep(mul(direction, found.t))),
            noGrad(() => keep(sub(found.gradient, gradient))),
          );
          gradient.dispose();
          if (Math.abs(found.loss - loss) < toleranceChange || size * found.t <= toleranceChange) break;
        } finally {
          line.begin.dispose();
          line.direction.dispose();
        }
      }
    } finally {
      here.gradient.dispose();
    }
    return first;
  }

  /** The line search, after which the parameters are where it ended; where they were, if something in it throws. */
  private async search(closure: () => Tensor, line: Line, start: Point, length: number, options: SearchOptions) {
    const seen: Point[] = [];
    const evaluate = async (t: number) => {
      this.place(line, t);
      seen.push({ ...(await this.evaluate(closure, line)), t });
      return seen[seen.length - 1];
    };
    let found = start;
    try {
      found = await strongWolfe(evaluate, start, length, options);
    } finally {
      if (found !== seen.at(-1)) this.place(line, found.t);
      for (const point of seen) if (point !== found) point.gradient.dispose();
    }
    return { found, evaluations: seen.length };
  }

  /** Loss and gradient at the parameters as they are, and the slope along a line. */
  private async evaluate(closure: () => Tensor, line?: Line): Promise<Point> {
    const { numbers, gradient } = scope(() => {
      const loss: unknown = closure();
      if (!(loss instanceof Tensor) || loss.size !== 1) {
        const got = loss instanceof Promise ? 'a promise' : String(loss);
        throw new TypeError(`LBFGS: expected a closure that returns the loss, a tensor with one element, got ${got}`);
      }
      return noGrad(() => {
        const gradient = keep(this.gradients());
        return { gradient, numbers: keep(stack([sum(loss), line ? dot(gradient, line.direction) : sum(loss)])) };
      });
    });
    try {
      const [loss, slope] = await numbers.data();
      return { t: 0, loss, slope, gradient };
    } catch (error) {
      gradient.dispose();
      throw error;
    } finally {
      numbers.dispose();
    }
  }

  /** All gradients, flat; zeros for parameters without one. */
  private gradients(): Tensor {
    checkGradients('LBFGS', this.parameters);
    const all = this.parameters.map(({ grad, shape, device }) => grad ?? zeros(shape, { device }));
    return apply(packOp, all, {})[0];
  }

  /** The parameters as they are. */
  private copy(): Tensor {
    return noGrad(() => keep(contiguous(this.arena.values())));
  }

  /** Moves the parameters to begin + t direction. */
  private place({ begin, direction }: Line, t: number): void {
    noGrad(() =>
      scope(() => {
        const there = contiguous(begin);
        const attrs = { lr: -t, weightDecay: 0, momentum: 0, dampening: 0, nesterov: false, step: 1 };
        if (t !== 0) apply(sgdOp, [there, direction], attrs);
        apply(swapOp, [this.arena.values(), there], {});
      }),
    );
  }
}
