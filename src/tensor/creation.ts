// Tensors from values: tensor, zeros, ones, full, eye, arange, linspace.
import { type Device, defaultDevice } from './device.ts';
import { type DType, type HostArray, isFloat, toHost } from './dtype.ts';
import { ShapeError } from './errors.ts';
import { checkShape, elementCount, format, type Shape } from './shape.ts';
import { Tensor } from './tensor.ts';

export interface TensorOptions {
  /** Default: int32 for an Int32Array, bool for booleans, else float32. */
  dtype?: DType;
  /** Default: the device of init(). */
  device?: Device;
  requiresGrad?: boolean;
}

export type NestedArray = number | boolean | readonly NestedArray[];

/** @internal A tensor that holds host values. */
export function fromHost(op: string, data: ArrayLike<number>, shape: Shape, options: TensorOptions = {}): Tensor {
  const { dtype = 'float32', device = defaultDevice(), requiresGrad = false } = options;
  checkShape(op, shape);
  if (data.length !== elementCount(shape)) {
    throw new ShapeError(`${op}: shape ${format(shape)} holds ${elementCount(shape)} elements, got ${data.length}`);
  }
  if (requiresGrad && !isFloat(dtype)) throw new ShapeError(`${op}: only floats can require gradients, got ${dtype}`);
  const tensor = Tensor.allocate(device, op, shape, dtype);
  device.backend.write(tensor.view(op), toHost(data, dtype));
  tensor.requiresGrad = requiresGrad;
  return tensor;
}

/**
 * A tensor from a number, nested arrays, or a flat typed array (with `shape`, if it is not one-dimensional).
 * Throws a ShapeError where rows differ in length or the count does not fit the shape.
 */
export function tensor(values: NestedArray | HostArray, options: TensorOptions & { shape?: Shape } = {}): Tensor {
  if (ArrayBuffer.isView(values)) {
    const dtype = options.dtype ?? (values instanceof Int32Array ? 'int32' : 'float32');
    return fromHost('tensor', values, options.shape ?? [values.length], { ...options, dtype });
  }
  const shape: number[] = [];
  for (let v: NestedArray = values; Array.isArray(v); v = v[0]) shape.push(v.length);
  const flat: number[] = [];
  let booleans = true;
  const visit = (v: NestedArray, dim: number): void => {
    if (Array.isArray(v)) {
      if (v.length !== shape[dim]) {
        throw new ShapeError(
          `tensor: rows differ in length, expected ${shape[dim] ?? 'a number'} in dim ${dim}, got ${v.length}`,
        );
      }
      for (const item of v) visit(item, dim + 1);
    } else if (dim !== shape.length || (typeof v !== 'number' && typeof v !== 'boolean')) {
      throw new ShapeError(`tensor: expected numbers nested ${shape.length} deep, got ${String(v)} at depth ${dim}`);
    } else {
      if (typeof v === 'number') booleans = false;
      flat.push(Number(v));
    }
  };
  visit(values as NestedArray, 0);
  const dtype = options.dtype ?? (booleans && flat.length > 0 ? 'bool' : 'float32');
  return fromHost('tensor', flat, options.shape ?? shape, { ...options, dtype });
}

function filled(op: string, shape: Shape, value: number, options?: TensorOptions): Tensor {
  checkShape(op, shape);
  return fromHost(op, new Float64Array(elementCount(shape)).fill(value), shape, options);
}

/** A tensor filled with one value. */
export const full = (shape: Shape, value: number, options?: TensorOptions): Tensor =>
  filled('full', shape, value, options);

export const zeros = (shape: Shape, options?: TensorOptions): Tensor => filled('zeros', shape, 0, options);

export const ones = (shape: Shape, options?: TensorOptions): Tensor => filled('ones', shape, 1, options);

/** The n by n identity matrix. */
export function eye(n: number, options?: TensorOptions): Tensor {
  checkShape('eye', [n]);
  const data = new Float32Array(n * n);
  for (let i = 0; i < n; i++) data[i * n + i] = 1;
  return fromHost('eye', data, [n, n], options);
}

/** start, start + step, ... below end; `arange(n)` counts from 0. */
export function arange(start: number, end?: number, step = 1, options?: TensorOptions): Tensor {
  const [from, to] = end === undefined ? [0, start] : [start, end];
  const n = Math.ceil((to - from) / step);
  if (!Number.isFinite(n))
    throw new ShapeError(`arange: expected finite bounds and a step other than 0, got ${from}, ${to}, ${step}`);
  const data = Float64Array.from({ length: Math.max(0, n) }, (_, i) => from + i * step);
  return fromHost('arange', data, [data.length], options);
}

/** `steps` numbers from start to end, both included. */
export function linspace(start: number, end: number, steps: number, options?: TensorOptions): Tensor {
  checkShape('linspace', [steps]);
  const data = Float64Array.from({ length: steps }, (_, i) =>
    steps === 1 ? start : start + ((end - start) * i) / (steps - 1),
  );
  return fromHost('linspace', data, [steps], options);
}
