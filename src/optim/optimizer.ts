// What optimizers share: all parameters in one flat arena, so that a step is one update dispatch.
import type { Op } from '../autograd/op.ts';
import { apply, noGrad } from '../autograd/tape.ts';
import type { UpdateAttrs } from '../ops/update.ts';
import { live } from '../tensor/live.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { flattenGradients, ParameterArena, slice } from './arena.ts';
import { checkRange } from './check.ts';
import { type ClipNormOptions, clipGradNorm, clipGradValue } from './clip.ts';

/** A run of neighbouring parameters: which, and where they lie in the arena of parameters and in the flat gradients. */
interface Run {
  parameters: number[];
  from: number;
  to: number;
  gradient: number;
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
        for (const { parameters, from, to, gradient } of this.runs()) {
          const arenas = [values, ...this.states].map((arena) => slice(arena, from, to));
          const attrs = live(
            () => this.attrsOf(parameters),
            () => parameters.every((i) => this.counts[i] === this.counts[parameters[0]]),
          );
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

  /** Counts an update of these parameters, which have had equally many, and tells its attributes. */
  private attrsOf(parameters: number[]): A {
    for (const i of parameters) this.counts[i]++;
    return { lr: this.lr, ...this.options, step: this.counts[parameters[0]] } as A;
  }

  /** Ranges over neighbouring parameters that have a gradient and the same count of updates. */
  private runs(): Run[] {
    const { counts, arena } = this;
    const runs: Run[] = [];
    let gradient = 0;
    this.parameters.forEach((parameter, i) => {
      if (!parameter.grad) return;
      const [from, to] = [arena.offsets[i], arena.offsets[i + 1]];
      const last = runs.at(-1);
      if (last && last.to === from && counts[last.parameters[0]] === counts[i]) {
        last.to = to;
        last.parameters.push(i);
      } else {
        runs.push({ parameters: [i], from, to, gradient });
      }
      gradient += to - from;
    });
    return runs;
  }
}
