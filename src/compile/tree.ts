// Arguments and results of compiled functions: tensors among arrays, plain objects and other values.
import { CompileError } from '../tensor/errors.ts';
import { format, sameShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';

const isPlain = (value: unknown): value is Record<string, unknown> => {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

/** The same arrays and plain objects, with something else in the place of each tensor. */
export function mapTensors(value: unknown, change: (tensor: Tensor) => unknown): unknown {
  if (value instanceof Tensor) return change(value);
  if (Array.isArray(value)) return value.map((item) => mapTensors(item, change));
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapTensors(item, change)]));
}

/** Appends all tensors, in the order of mapTensors. */
export function tensorsIn(value: unknown, into: Tensor[] = []): Tensor[] {
  if (value instanceof Tensor) into.push(value);
  else if (Array.isArray(value)) for (const item of value) tensorsIn(item, into);
  else if (isPlain(value)) for (const key in value) tensorsIn(value[key], into);
  return into;
}

/** Whether another value would be traced alike: tensors by shape, dtype and requiresGrad, other values by themselves. */
export type Pattern = (other: unknown) => boolean;

/** Throws a CompileError for what holds data that a trace would take for constant. */
export function patternOf(value: unknown): Pattern {
  if (value instanceof Tensor) {
    const { shape, dtype, requiresGrad } = value;
    return (other) =>
      other instanceof Tensor &&
      other.dtype === dtype &&
      other.requiresGrad === requiresGrad &&
      sameShape(other.shape, shape);
  }
  if (Array.isArray(value)) {
    const parts = value.map(patternOf);
    return (other) => Array.isArray(other) && other.length === parts.length && parts.every((fits, i) => fits(other[i]));
  }
  if (isPlain(value)) {
    const parts = Object.entries(value).map(([key, item]) => [key, patternOf(item)] as const);
    return (other) =>
      isPlain(other) &&
      Object.keys(other).length === parts.length &&
      parts.every(([key, fits]) => key in other && fits(other[key]));
  }
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    throw new CompileError(
      `compile: expected tensors as arguments, got ${value.constructor.name}; make a tensor of it`,
    );
  }
  return (other) => Object.is(other, value);
}

/** A value in few words, for messages. */
export function describe(value: unknown): string {
  if (value instanceof Tensor)
    return `${value.dtype} ${format(value.shape)}${value.requiresGrad ? ' requiresGrad' : ''}`;
  if (Array.isArray(value)) return `[${value.map(describe).join(', ')}]`;
  if (isPlain(value))
    return `{ ${Object.entries(value)
      .map(([key, item]) => `${key}: ${describe(item)}`)
      .join(', ')} }`;
  return typeof value === 'object' || typeof value === 'function' ? typeof value : String(value);
}
