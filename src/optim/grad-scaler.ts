// Dynamic loss scaling: gradients in float16 are kept between its largest and its smallest numbers, without a look from the host.
import { apply, noGrad } from '../autograd/tape.ts';
import { gradNormOp } from '../ops/arena.ts';
import { mul } from '../ops/index.ts';
import { unscaleOp, updateScaleOp } from '../ops/loss-scale.ts';
import { tensor } from '../tensor/creation.ts';
import { keep, scope } from '../tensor/scope.ts';
import { type HostTensor, loadState } from '../tensor/state.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { flattenGradients } from './arena.ts';
import { checkRange, checkWhole, withDefaults } from './check.ts';
import type { Optimizer } from './optimizer.ts';

export interface GradScalerOptions {
  /** What losses are multiplied by at first. Default: 2^16. */
  initScale?: number;
  /** What the scale is multiplied by after `growthInterval` steps in a row with finite gradients. Default: 2. */
  growthFactor?: number;
  /** What the scale is multiplied by after a step without. Default: 0.5. */
  backoffFactor?: number;
  /** Default: 2000. */
  growthInterval?: number;
}

const DEFAULTS: Required<GradScalerOptions> = {
  initScale: 2 ** 16,
  growthFactor: 2,
  backoffFactor: 0.5,
  growthInterval: 2000,
};

/**
 * Scales losses so that gradients in float16 neither vanish nor overflow, as PyTorch's GradScaler does, of one optimizer:
 *
 *     scaler.scale(loss).backward();
 *     scaler.unscale(); // only where something looks at the gradients before the step, such as clipping
 *     scaler.step();
 *
 * A step with an infinite or NaN gradient leaves parameters and states as they are, and makes the scale smaller. All of it
 * happens on the device, so that a compiled step may hold it. Throws a RangeError for options out of range. Has memory of three
 * numbers, which lives until dispose().
 */
export class GradScaler {
  private readonly optimizer: Optimizer;
  private readonly options: Required<GradScalerOptions>;
  private readonly factor: Tensor;
  private readonly streak: Tensor;
  private readonly found: Tensor;
  private unscaled = false;

  constructor(optimizer: Optimizer, options: GradScalerOptions = {}) {
    this.options = withDefaults('GradScaler', DEFAULTS, options);
    const { initScale, growthFactor, backoffFactor, growthInterval } = this.options;
    checkRange('GradScaler', { initScale }, Number.MIN_VALUE, Number.POSITIVE_INFINITY);
    checkRange('GradScaler', { growthFactor }, 1, Number.POSITIVE_INFINITY);
    checkRange('GradScaler', { backoffFactor }, Number.MIN_VALUE, 1);
    checkWhole('GradScaler', { growthInterval }, 1);
    this.optimizer = optimizer;
    const { device } = optimizer.parameters[0];
    const number = (value: number) => keep(tensor(value, { device }));
    this.factor = number(initScale);
    this.streak = number(0);
    this.found = number(0);
  }

  /** The scale of the next loss, a number on the device. It changes with every step. */
  get currentScale(): Tensor {
    return this.factor;
  }

  /** Whether the last step was skipped, as 0 or 1 on the device. It changes with every step. */
  get skipped(): Tensor {
    return this.found;
  }

  /** The loss times the scale: whose backward() to call. Of several losses before a step the gradients add up. */
  scale(loss: Tensor): Tensor {
    this.unscaled = false;
    return mul(loss, this.factor);
  }

  /**
   * Divides the gradients by the scale that they were made with, notes whether they are finite, and sets the scale for the next
   * step. The gradients move as in `optim.clipGradNorm`. Throws an Error where they were unscaled since the last step.
   */
  unscale(): void {
    if (this.unscaled) throw new Error('GradScaler.unscale: the gradients of this step are unscaled already');
    const ready = this.optimizer.parameters.filter((parameter) => parameter.grad);
    if (ready.length === 0) return;
    const { growthFactor: growth, backoffFactor: backoff, growthInterval: interval } = this.options;
    noGrad(() =>
      scope(() => {
        const { flat } = flattenGradients('GradScaler', ready);
        const [largest] = apply(gradNormOp, [flat], { normType: Number.POSITIVE_INFINITY });
        apply(unscaleOp, [flat, this.factor], {});
        apply(updateScaleOp, [this.factor, this.streak, this.found, largest], { growth, backoff, interval });
      }),
    );
    this.unscaled = true;
  }

  /** The optimizer's step, with gradients unscaled, skipped where they are not finite. */
  step(): void {
    if (!this.unscaled) this.unscale();
    this.unscaled = false;
    this.optimizer.step(this.found);
  }

  /** What a checkpoint needs (live tensors, not copies): the scale, and how many steps in a row it has held. */
  stateDict(): Record<string, Tensor> {
    return { scale: this.factor, streak: this.streak };
  }

  /** Takes up a stateDict() read to the host. Throws a ShapeError that names what is missing or does not fit. */
  loadStateDict(state: Record<string, HostTensor>): void {
    loadState('GradScaler.loadStateDict', this.stateDict(), state);
  }

  /** Releases its memory. */
  dispose(): void {
    for (const number of [this.factor, this.streak, this.found]) number.dispose();
  }
}
