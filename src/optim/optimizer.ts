// What optimizers share: all parameters in one flat arena, so that a step is one update dispatch.
import type { Op } from '../autograd/op.ts';
import { apply, noGrad } from '../autograd/tape.ts';
import { packOp } from '../ops/update.ts';
import { zeros } from '../tensor/creation.ts';
import { ShapeError } from '../tensor/errors.ts';
import { keep, scope } from '../tensor/scope.ts';
import { ALIGNMENT } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** A parameter's place in the arenas, in elements, and how often it was updated. */
interface Slot {
  parameter: Tensor;
  offset: number;
  steps: number;
}

/**
 * Base class of optimizers. Moves the parameters into one flat arena (the tensors stay the same, their memory moves) and
 * keeps one arena per state, such as momentum. Arenas live until dispose().
 */
export abstract class Optimizer {
  /** Learning rate; may be set between steps. */
  lr: number;
  private readonly slots: Slot[] = [];
  private readonly size: number;
  private readonly values: Tensor;
  private readonly gradients: Tensor;
  private readonly states: Tensor[];

  constructor(name: string, parameters: Iterable<Tensor>, lr: number, stateCount: number) {
    const list = [...new Set(parameters)];
    if (list.length === 0) throw new ShapeError(`${name}: expected at least one parameter, got none`);
    checkRange(name, 'lr', lr, 0, Number.POSITIVE_INFINITY);
    this.lr = lr;
    let size = 0;
    for (const parameter of list) {
      if (!parameter.isLeaf || !parameter.requiresGrad) {
        throw new ShapeError(`${name}: expected leaf tensors that require gradients, got ${parameter}`);
      }
      this.slots.push({ parameter, offset: size, steps: 0 });
      size += Math.ceil(parameter.size / ALIGNMENT) * ALIGNMENT;
    }
    this.size = size;
    const arena = () => keep(zeros([size], { device: list[0].device }));
    this.values = arena();
    this.gradients = arena();
    this.states = Array.from({ length: stateCount }, arena);
    noGrad(() => apply(packOp, [this.values, ...list], { offsets: this.slots.map((slot) => slot.offset) }));
    const { storage } = this.values.view(name);
    for (const { parameter, offset } of this.slots) parameter.adopt(storage, offset);
  }

  /** Moves every parameter that has a gradient one step. */
  abstract step(): void;

  /** Drops all gradients. */
  zeroGrad(): void {
    for (const { parameter } of this.slots) {
      parameter.grad?.dispose();
      parameter.grad = null;
    }
  }

  /** Releases the arenas of gradients and states. The parameters keep their memory. */
  dispose(): void {
    for (const arena of [this.values, this.gradients, ...this.states]) arena.dispose();
  }

  /**
   * Runs an update row on (values, ...states, gradients), with what `attrs` gives for the count of the update: one
   * dispatch, or one per run of neighbours that have a gradient and the same count.
   */
  protected update<A>(op: Op<A>, attrs: (step: number) => A): void {
    const { storage } = this.values.view(op.name);
    for (const { parameter } of this.slots) {
      if (parameter.view(op.name).storage !== storage) {
        throw new ShapeError(`${op.name}: parameter [${parameter.shape}] was moved by another optimizer`);
      }
    }
    const ready = this.slots.filter(({ parameter }) => parameter.grad);
    if (ready.length === 0) return;
    noGrad(() =>
      scope(() => {
        const grads = ready.map(({ parameter }) => parameter.grad!);
        apply(packOp, [this.gradients, ...grads], { offsets: ready.map((slot) => slot.offset) });
        for (const slot of ready) slot.steps++;
        for (const { from, to, steps } of this.runs()) {
          const part = (arena: Tensor) => arena.alias(op.name, { shape: [to - from], strides: [1], offset: from });
          apply(op, [this.values, ...this.states, this.gradients].map(part), attrs(steps));
        }
      }),
    );
  }

  /** Ranges of the arenas over neighbouring parameters that have a gradient and the same count of updates. */
  private runs(): { from: number; to: number; steps: number }[] {
    const runs: { from: number; to: number; steps: number }[] = [];
    this.slots.forEach(({ parameter, offset, steps }, i) => {
      if (!parameter.grad) return;
      const end = this.slots[i + 1]?.offset ?? this.size;
      const last = runs.at(-1);
      if (last && last.to === offset && last.steps === steps) last.to = end;
      else runs.push({ from: offset, to: end, steps });
    });
    return runs;
  }
}

/** Throws unless low <= value < high. */
export function checkRange(optimizer: string, name: string, value: number, low: number, high: number): void {
  if (!(value >= low && value < high)) {
    throw new RangeError(`${optimizer}: expected ${name} of at least ${low} and below ${high}, got ${value}`);
  }
}
