// The type of an op row, and the registry: everything about one op side by side.
import type { Kernel, Spec } from '../tensor/backend.ts';
import type { Layout, Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Autocast } from './autocast.ts';

/** What a vjp may use: the op's inputs, outputs and attributes, and which inputs want a gradient. */
export interface Recorded<A> {
  inputs: Tensor[];
  outputs: Tensor[];
  attrs: A;
  needs: boolean[];
}

/**
 * The vector-Jacobian product, written with other ops, so that second derivatives come by themselves. Takes a
 * gradient per output (null where none arrived), returns one per input (null where `needs` is false, or where the
 * op has no gradient). `null` instead of a function: the op has no gradient at all.
 */
export type Vjp<A> = ((grads: (Tensor | null)[], call: Recorded<A>) => (Tensor | null)[]) | null;

/** A row of the op table: its kernel, its shape rule and its gradient. */
// biome-ignore lint/suspicious/noExplicitAny: the registry holds many types of attributes
export interface Op<A = any> extends Kernel<A> {
  /** Shapes and dtypes of the outputs. Throws a ShapeError for inputs that the op cannot take. */
  outputs(inputs: Spec[], attrs: A): Spec[];
  /** For each input, whether the kernel reads it at these strides; what it does not read is copied first. Default: contiguous only. */
  strided?(inputs: Layout[], attrs: A): boolean[];
  /** How many leading inputs are updated in place. They are the outputs of the kernel, and `outputs` adds none. */
  mutates?: number;
  /** The float type of its inputs within autocast. Default: float32. */
  autocast?: Autocast;
  vjp: Vjp<A>;
}

/** A row that only looks at its input differently: no kernel, no copy. */
// biome-ignore lint/suspicious/noExplicitAny: the registry holds many types of attributes
export interface ViewOp<A = any> {
  readonly name: string;
  /** The output's shape. Throws a ShapeError where the input cannot be looked at like that. */
  outputShape(input: Shape, attrs: A): Shape;
  /** The layout of the output, or null where the input must be made contiguous first. */
  view(input: Layout, attrs: A): Layout | null;
  vjp(grad: Tensor, call: Recorded<A>): Tensor;
}

/** A row that looks at several parts of its input, each an output: no kernel, no copy. */
// biome-ignore lint/suspicious/noExplicitAny: the registry holds many types of attributes
export interface PartsOp<A = any> {
  readonly name: string;
  /** The layouts of the outputs. */
  parts(input: Layout, attrs: A): Layout[];
  vjp: NonNullable<Vjp<A>>;
}

/** Any row. */
export type Row = Op | ViewOp | PartsOp;

const rows = new Map<string, Row>();

/** Enters a row into the registry. */
export function define<T extends Row>(row: T): T {
  if (rows.has(row.name)) throw new Error(`an op named ${row.name} is defined already`);
  rows.set(row.name, row);
  return row;
}

/** All rows, in order of definition. */
export const allOps = (): Row[] => [...rows.values()];

/** The row of a name, for the few ops that the tape itself needs. */
export function opNamed(name: string): Op {
  const row = rows.get(name);
  if (!row || !('plan' in row)) throw new Error(`no op named ${name}; import the ops first`);
  return row;
}
