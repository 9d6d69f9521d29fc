// What optimizers share: all parameters in one flat arena, so that a step is one update dispatch.
import type { Op } from '../autograd/op.ts';
import { apply, noGrad } from '../autograd/tape.ts';
import type { UpdateAttrs } from '../ops/update.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { flattenGradients, ParameterArena, slice } from './arena.ts';
import { checkRange } from './check.ts';
import { type ClipNormOptions, clipGradNorm, clipGradValue } from './clip.ts';

/** A run of neighbouring parameters, in elements of the arena of parameters and of the flat gradients. */
interface Run {
  from: number;
  to: number;
  gradient: number;
  step: number;
}

/**
 * Base class of optimizers. Moves the parameters into one flat arena (the tensors stay the same, their memory moves) and
 * keeps one more per state, such as momentum. They live until dispose().
 */
export abstract class Optimizer<A extends UpdateAttrs = UpdateAttrs> {
  /** Learning rate; may be set between steps. */
  lr: number;
  /** All hyperparameters but the learning rate. */
  readonly options: Omit<A, 'lr' | 'step'>;
  private readonly op: Op;
  private readonly arena: ParameterArena;
  private readonly states: Tensor[];
  /** How often each parameter was updated. */
  private readonly counts: number[];

  /** `op` updates (parameters, ...states) by gradients; `states` are the values that its states begin with. */
  constructor(
    name: string,
    parameters: Iterable<Tensor>,
    lr: number,
    { op, states, options }: { op: Op<A>; states: number[]; options: Omit<A, 'lr' | 'step'> },
  ) {
    checkRange(name, { lr, weightDecay: options.weightDecay }, 0, Number.POSITIVE_INFINITY);
    this.lr = lr;
    this.options = options;
    this.op = op;
    this.arena = new ParameterArena(name, parameters);
    this.states = states.map((value) => this.arena.state(value));
    this.counts = this.arena.parameters.map(() => 0);
  }

  /** The parameters, in the order in which they were given. */
  get parameters(): readonly Tensor[] {
    return this.arena.parameters;
  }

  /**
   * Moves every parameter that has a gradient one step: one dispatch, or one per run of neighbours that have a gradient
   * and the same count of updates. The gradients are packed before, unless clipping did it, and lie in one piece after.
   */
  step(): void {
    const values = this.arena.values();
    const ready = this.parameters.filter((parameter) => parameter.grad);
    if (ready.length === 0) return;
    noGrad(() =>
      scope(() => {
        const { flat } = flattenGradients(this.op.name, ready);
        this.parameters.forEach((parameter, i) => {
          if (parameter.grad) this.counts[i]++;
        });
        for (const { from, to, gradient, step } of this.runs()) {
          const arenas = [values, ...this.states].map((arena) => slice(arena, from, to));
          const attrs = { lr: this.lr, ...this.options, step } as A;
          apply(this.op, [...arenas, slice(flat, gradient, gradient + to - from)], attrs);
        }
      }),
    );
  }

  /** Drops all gradients. */
  zeroGrad(): void {
    for (const parameter of this.parameters) {
      parameter.grad?.dispose();
      parameter.grad = null;
    }
  }

  /** `optim.clipGradNorm` of all parameters, for use between backward() and step(). Returns the norm before. */
  clipGradNorm(maxNorm: number, options: ClipNormOptions = {}): Tensor {
    return clipGradNorm(this.parameters, maxNorm, options);
  }

  /** `optim.clipGradValue` of all parameters, for use between backward() and step(). */
  clipGradValue(limit: number): void {
    clipGradValue(this.parameters, limit);
  }

  /** Releases the arenas of states. The parameters keep their memory. */
  dispose(): void {
    this.arena.dispose();
    for (const state of this.states) state.dispose();
  }

  /** Ranges over neighbouring parameters that have a gradient and the same count of updates. */
  private runs(): Run[] {
    const { offsets } = this.arena;
    const runs: Run[] = [];
    let gradient = 0;
    this.parameters.forEach((parameter, i) => {
      if (!parameter.grad) return;
      const [from, to, step] = [offsets[i], offsets[i + 1], this.counts[i]];
      const last = runs.at(-1);
      if (last && last.to === from && last.step === step) last.to = to;
      else runs.push({ from, to, gradient, step });
      gradient += to - from;
    });
    return runs;
  }
}
