// EMA: exponential moving averages of weights, which often test better than the weights themselves.
import { apply, noGrad } from '../autograd/tape.ts';
import { emaOp, swapOp } from '../ops/arena.ts';
import { contiguous } from '../ops/elementwise.ts';
import { live, repeated, watched } from '../tensor/live.ts';
import { keep } from '../tensor/scope.ts';
import { type HostTensor, loadState } from '../tensor/state.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { ParameterArena } from './arena.ts';
import { checkRange } from './check.ts';

/**
 * Keeps averages = decay averages + (1 - decay) parameters, from the parameters as they are now on. Call update() after every
 * step, one dispatch for all parameters, or give it to `fit` as `ema`, which does; to evaluate with the averages, swap() them in, and swap() back before the next step.
 * Buffers, such as running statistics, have no averages.
 *
 * Throws a RangeError unless 0 <= decay < 1, and a ShapeError where the parameters are none or not leaves that require
 * gradients. An optimizer over the same parameters in the same order may be made before or after.
 */
export class EMA {
  decay: number;
  private readonly arena: ParameterArena;
  private readonly averages: Tensor;
  private views: Tensor[] | null = null;
  private swapped = false;

  constructor(parameters: Iterable<Tensor>, { decay = 0.995 } = {}) {
    checkRange('EMA', { decay }, 0, 1);
    this.decay = decay;
    this.arena = new ParameterArena('EMA', parameters);
    this.averages = noGrad(() => keep(contiguous(this.arena.values())));
  }

  /** The parameters, in the order in which they were given. */
  get parameters(): readonly Tensor[] {
    return this.arena.parameters;
  }

  /** Whether the parameters hold the averages, since an odd number of calls of swap(). */
  get isSwapped(): boolean {
    return watched(this, () => this.swapped);
  }

  /** Moves the averages towards the parameters. Throws while the parameters hold the averages. */
  update(): void {
    if (this.isSwapped) throw new Error('EMA: update() while the parameters hold the averages; swap() back first');
    const attrs = live(() => ({ decay: this.decay }));
    noGrad(() => apply(emaOp, [this.averages, this.arena.values()], attrs));
  }

  /** Trades the values of the parameters and their averages, in place: once to evaluate, once more to go on training. */
  swap(): void {
    noGrad(() => apply(swapOp, [this.arena.values(), this.averages], {}));
    repeated(this, () => {
      this.swapped = !this.swapped;
    });
  }

  /**
   * The averages, by the index of their parameter (live tensors, not copies), and the decay. Throws while the parameters hold
   * the averages.
   */
  stateDict(): { tensors: Record<string, Tensor>; values: { decay: number } } {
    return { tensors: { ...this.stateTensors() }, values: { decay: this.decay } };
  }

  /**
   * Takes up the averages and the decay of a stateDict(), with its tensors read to the host. Throws a RangeError for another
   * decay than the constructor takes, and a ShapeError that names every tensor that is missing, unexpected or of another
   * shape, before anything is changed.
   */
  loadStateDict({ tensors, values }: { tensors: Record<string, HostTensor>; values: unknown }): void {
    const decay = (values as { decay?: number } | null)?.decay as number;
    checkRange('EMA.loadStateDict', { decay }, 0, 1);
    loadState('EMA.loadStateDict', this.stateTensors(), tensors);
    this.decay = decay;
  }

  private stateTensors(): Record<string, Tensor> {
    if (this.isSwapped) throw new Error('EMA: stateDict() while the parameters hold the averages; swap() back first');
    this.views ??= this.arena.views(this.averages);
    return Object.fromEntries(this.views.entries());
  }

  /** Releases the averages; the parameters keep what they hold. */
  dispose(): void {
    this.arena.dispose();
    this.averages.dispose();
    for (const view of this.views ?? []) view.dispose();
  }
}
