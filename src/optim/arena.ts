// Arenas: tensors that lie one behind the other in one flat tensor, so that one dispatch works on all of them.
import { apply, noGrad } from '../autograd/tape.ts';
import { packOp, places } from '../ops/arena.ts';
import type { Storage } from '../tensor/backend.ts';
import { tensor } from '../tensor/creation.ts';
import { ShapeError } from '../tensor/errors.ts';
import { keep, moveTo } from '../tensor/scope.ts';
import { contiguousLayout, format, isContiguous, sameShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** What was packed here, so that tensors can be known to lie in an arena already. */
const arenas = new WeakSet<Storage>();

/** A part of a flat tensor. Shares memory. */
export const slice = (flat: Tensor, from: number, to: number): Tensor =>
  flat.alias('slice', { shape: [to - from], strides: [1], offset: flat.view('slice').offset + from });

/**
 * One flat tensor over all tensors given, in their order, with zeros in the gaps that alignment leaves, and where each
 * lies in it. They are moved into new memory, unless an earlier call left them like this: the tensors stay the same, and
 * views of them made before keep the old memory.
 */
export function flatten(tensors: readonly Tensor[]): { flat: Tensor; offsets: number[] } {
  const { offsets, size } = places(tensors.map((x) => x.shape));
  const views = tensors.map((x) => x.view('flatten'));
  const [{ storage, offset: start }] = views;
  const inPlace = views.every((x, i) => x.storage === storage && x.offset === start + offsets[i] && isContiguous(x));
  if (inPlace && arenas.has(storage)) {
    return { flat: tensors[0].alias('flatten', { shape: [size], strides: [1], offset: start }), offsets };
  }
  const [flat] = noGrad(() => apply(packOp, [...tensors], {}));
  const home = flat.view('flatten').storage;
  arenas.add(home);
  tensors.forEach((x, i) => {
    x.adopt(home, offsets[i]);
  });
  return { flat, offsets };
}

/** Throws a ShapeError for the first gradient of another shape than its parameter. */
export function checkGradients(op: string, parameters: readonly Tensor[]): void {
  for (const { shape, grad } of parameters) {
    if (grad && !sameShape(grad.shape, shape)) {
      throw new ShapeError(`${op}: expected a gradient ${format(shape)}, got ${format(grad.shape)}`);
    }
  }
}

/**
 * flatten() of the gradients of parameters, which all have one. A gradient that is part of a graph (of a backward pass with
 * createGraph) is replaced by its values, for they are about to change.
 */
export function flattenGradients(op: string, parameters: readonly Tensor[]): { flat: Tensor; offsets: number[] } {
  checkGradients(op, parameters);
  for (const parameter of parameters) {
    if (parameter.grad!.isLeaf) continue;
    parameter.grad = parameter.grad!.detach();
    moveTo(parameter.grad, parameter.scope);
  }
  return flatten(parameters.map((parameter) => parameter.grad!));
}

/** Drops the gradients of parameters. */
export function dropGradients(parameters: readonly Tensor[]): void {
  for (const parameter of parameters) {
    parameter.grad?.dispose();
    parameter.grad = null;
  }
}

/** The parameters of an optimizer, or of whoever else works on all of them at once, in one arena. */
export class ParameterArena {
  readonly parameters: readonly Tensor[];
  /** Where each parameter lies, and where the last one ends. */
  readonly offsets: readonly number[];
  private readonly owner: string;
  private readonly flat: Tensor;

  constructor(owner: string, parameters: Iterable<Tensor>) {
    this.owner = owner;
    this.parameters = [...new Set(parameters)];
    if (this.parameters.length === 0) throw new ShapeError(`${owner}: expected at least one parameter, got none`);
    for (const parameter of this.parameters) {
      if (!parameter.isLeaf || !parameter.requiresGrad) {
        throw new ShapeError(`${owner}: expected leaf tensors that require gradients, got ${parameter}`);
      }
    }
    const { flat, offsets } = flatten(this.parameters);
    this.flat = keep(flat);
    this.offsets = [...offsets, flat.size];
  }

  /** The values of all parameters, flat. Throws a ShapeError where a parameter was moved away since. */
  values(): Tensor {
    const { storage } = this.flat.view(this.owner);
    const moved = this.parameters.find((parameter) => parameter.view(this.owner).storage !== storage);
    if (moved) {
      throw new ShapeError(
        `${this.owner}: parameter ${format(moved.shape)} was moved, by an optimizer or average over other parameters`,
      );
    }
    return this.flat;
  }

  /** A state of all parameters: as many elements, of parameter i all `value(i)`. Lives until it is disposed of. */
  state(value: (i: number) => number): Tensor {
    const values = new Float64Array(this.flat.size);
    this.parameters.forEach((_, i) => {
      values.fill(value(i), this.offsets[i], this.offsets[i + 1]);
    });
    return keep(tensor(values, { device: this.flat.device }));
  }

  /** Views of a flat state, one for each parameter, of its shape. They live until they are disposed of. */
  views(state: Tensor): Tensor[] {
    const { offset } = state.view(this.owner);
    return this.parameters.map(({ shape }, i) =>
      keep(state.alias('stateDict', { ...contiguousLayout(shape), offset: offset + this.offsets[i] })),
    );
  }

  /** Releases this hold on the memory. The parameters keep theirs. */
  dispose(): void {
    this.flat.dispose();
  }
}
