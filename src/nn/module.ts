// Module: a function with parameters. Parameters, buffers and children are found among its own properties.
import { ShapeError } from '../tensor/errors.ts';
import { repeated, watched } from '../tensor/live.ts';
import { keep } from '../tensor/scope.ts';
import { elementCount, format, type Shape, sameShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';

/** Values of a tensor on the host, as checkpoints hold them. */
export interface HostTensor {
  shape: Shape;
  data: ArrayLike<number>;
}

/** Makes a tensor a parameter: it requires gradients, and lives as long as its module. */
export function parameter(values: Tensor): Tensor {
  values.requiresGrad = true;
  return keep(values);
}

/** Makes a tensor a buffer: state without gradient, such as running statistics. */
export const buffer = (values: Tensor): Tensor => keep(values);

/**
 * Base class of layers and models. A tensor that requires gradients, held in a property, is a parameter; another tensor
 * is a buffer; a module, or an array of modules, is a child.
 */
export abstract class Module {
  private inTraining = true;

  /** Whether layers such as dropout and batch norm behave as in training. Set it with train() and eval(). */
  get training(): boolean {
    return watched(this, () => this.inTraining);
  }

  set training(on: boolean) {
    repeated(this, () => {
      this.inTraining = on;
    });
  }

  abstract forward(x: Tensor): Tensor;

  /** Child modules with the names of their properties. */
  *namedChildren(): Generator<[string, Module]> {
    for (const [name, value] of Object.entries(this)) {
      if (value instanceof Module) yield [name, value];
      if (Array.isArray(value)) {
        for (const [i, item] of value.entries()) if (item instanceof Module) yield [`${name}.${i}`, item];
      }
    }
  }

  /** Parameters and buffers of this module and all below, with dotted names. */
  *namedTensors(prefix = ''): Generator<[string, Tensor]> {
    for (const [name, value] of Object.entries(this)) if (value instanceof Tensor) yield [prefix + name, value];
    for (const [name, child] of this.namedChildren()) yield* child.namedTensors(`${prefix}${name}.`);
  }

  *namedParameters(): Generator<[string, Tensor]> {
    for (const [name, tensor] of this.namedTensors()) if (tensor.requiresGrad) yield [name, tensor];
  }

  *parameters(): Generator<Tensor> {
    for (const [, tensor] of this.namedParameters()) yield tensor;
  }

  /** All parameters and buffers by name: live tensors, not copies. */
  stateDict(): Record<string, Tensor> {
    return Object.fromEntries(this.namedTensors());
  }

  /** Overwrites parameters and buffers. Throws a ShapeError that names every key that is missing, unexpected or of another shape. */
  loadStateDict(state: Record<string, HostTensor>): void {
    const mine = this.stateDict();
    const problems = [
      ...Object.keys(mine).flatMap((key) => (key in state ? [] : [`missing ${key}`])),
      ...Object.keys(state).flatMap((key) => (key in mine ? [] : [`unexpected ${key}`])),
      ...Object.keys(mine).flatMap((key) =>
        key in state && !sameShape(mine[key].shape, state[key].shape)
          ? [`${key} is ${format(state[key].shape)}, expected ${format(mine[key].shape)}`]
          : [],
      ),
      ...Object.keys(mine).flatMap((key) =>
        key in state && state[key].data.length !== elementCount(state[key].shape)
          ? [`${key} ${format(state[key].shape)} comes with ${state[key].data.length} values`]
          : [],
      ),
    ];
    if (problems.length > 0) throw new ShapeError(`loadStateDict: ${problems.join('; ')}`);
    for (const [key, tensor] of Object.entries(mine)) tensor.assign(state[key].data);
  }

  train(on = true): this {
    this.training = on;
    for (const [, child] of this.namedChildren()) child.train(on);
    return this;
  }

  eval(): this {
    return this.train(false);
  }

  /** Releases all parameters and buffers. */
  dispose(): void {
    for (const [, tensor] of this.namedTensors()) tensor.dispose();
  }
}
