// The tensor that a user holds: shape, dtype, device, gradient and lifetime. Math is added by ops/methods.ts.
import type { Storage, View } from './backend.ts';
import type { Device } from './device.ts';
import { type DType, type HostArray, toHost } from './dtype.ts';
import { CompileError, ReleasedError, ShapeError } from './errors.ts';
import { tracing } from './live.ts';
import { moveTo, Scoped } from './scope.ts';
import { contiguousLayout, elementCount, format, isContiguous, type Layout, type Shape } from './shape.ts';

/** One tensor's share in its storage. It outlives the tensor, so that the finalizer can give the share back. */
class Lease {
  storage: Storage;
  released: string | null = null;

  constructor(storage: Storage) {
    this.storage = storage;
    storage.references++;
  }

  release(why: string): void {
    if (this.released !== null) return;
    this.released = why;
    if (--this.storage.references === 0) this.storage.backend.free(this.storage.handle);
  }
}

let versions = 0;
/** @internal A version that no storage has had: storages are told apart by it, too. */
export const nextVersion = (): number => ++versions;

/** The last net: a tensor that was neither scoped nor disposed of gives its memory back when it is collected. */
const collected = new FinalizationRegistry<Lease>((lease) => lease.release('garbage collection'));

/**
 * An n-dimensional array on a device. Immutable but for optimizer updates; views share memory.
 * Every op is both a function and a method: `relu(x)` and `x.relu()`.
 */
export class Tensor extends Scoped {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly device: Device;
  /** Whether gradients flow to this tensor. */
  requiresGrad: boolean;
  /** The gradient left by backward() on a leaf, and on what retainGrad() was asked of. */
  grad: Tensor | null = null;
  /** Whether retainGrad() was asked. */
  retainsGrad = false;
  /** @internal What the tape recorded about how this tensor was made. */
  history: object | null = null;
  /** @internal The op that made this tensor, for messages. */
  readonly madeBy: string;

  private layout: Layout;
  private lease: Lease;

  /** @internal Users make tensors with `tensor()`, `zeros()` and their like, or with ops. */
  constructor(device: Device, madeBy: string, dtype: DType, storage: Storage, layout: Layout, requiresGrad = false) {
    super();
    this.device = device;
    this.madeBy = madeBy;
    this.dtype = dtype;
    this.shape = layout.shape;
    this.requiresGrad = requiresGrad;
    this.layout = layout;
    this.lease = new Lease(storage);
    collected.register(this, this.lease, this.lease);
  }

  /** @internal New memory for a contiguous tensor, contents undefined. */
  static allocate(device: Device, op: string, shape: Shape, dtype: DType): Tensor {
    const { backend } = device;
    const storage = {
      backend,
      handle: backend.allocate(op, elementCount(shape), dtype),
      references: 0,
      version: nextVersion(),
    };
    return new Tensor(device, op, dtype, storage, contiguousLayout(shape));
  }

  /** Number of dims. */
  get rank(): number {
    return this.shape.length;
  }

  /** Number of elements. */
  get size(): number {
    return elementCount(this.shape);
  }

  /** Whether this tensor was made by the user (or a module), not by an op on tensors that require gradients. */
  get isLeaf(): boolean {
    return this.history === null;
  }

  /** Whether the memory was given back. */
  get released(): boolean {
    return this.lease.released !== null || Boolean(this.lease.storage.backend.closed);
  }

  /** @internal Where the elements lie; throws a ReleasedError that names `op` where they lie nowhere any more. */
  view(op: string): View {
    if (this.released) {
      const why = this.lease.storage.backend.closed ?? `released by ${this.lease.released}`;
      throw new ReleasedError(`${op}: tensor ${format(this.shape)} made by ${this.madeBy} was ${why}`);
    }
    const { shape, strides, offset } = this.layout;
    return { shape, strides, offset, dtype: this.dtype, storage: this.lease.storage };
  }

  /** @internal Another tensor on the same memory, without history. */
  alias(op: string, layout: Layout = this.layout): Tensor {
    return new Tensor(this.device, op, this.dtype, this.view(op).storage, layout);
  }

  /** @internal Moves this tensor to other memory that already holds its values (an optimizer's arena). */
  adopt(storage: Storage, offset: number): void {
    const before = this.lease.storage;
    if (before.backend !== storage.backend) {
      throw new CompileError(
        `compile: ${this}, made outside, cannot be moved inside: make optimizers and averages outside, and zero gradients inside`,
      );
    }
    before.moved = (before.moved ?? 0) + 1;
    this.lease.release('move');
    collected.unregister(this.lease);
    this.lease = new Lease(storage);
    collected.register(this, this.lease, this.lease);
    this.layout = { ...contiguousLayout(this.shape), offset };
  }

  /** The elements, row-major: Float32Array on WebGPU and Float64Array on the CPU for float32; Int32Array; Uint8Array for bool. */
  async data(): Promise<HostArray> {
    return this.device.backend.read(this.view('data'));
  }

  /** The only element of a tensor of size 1. */
  async item(): Promise<number> {
    if (this.size !== 1) throw new ShapeError(`item: expected a tensor with one element, got ${format(this.shape)}`);
    return (await this.data())[0];
  }

  /** The elements as nested arrays, a number for rank 0. */
  // biome-ignore lint/suspicious/noExplicitAny: the nesting depth is the rank, known only at run time
  async tolist(): Promise<any> {
    const data = await this.data();
    const nest = (dim: number, start: number, step: number): unknown => {
      if (dim === this.rank) return data[start];
      const inner = step / this.shape[dim];
      return Array.from({ length: this.shape[dim] }, (_, i) => nest(dim + 1, start + i * inner, inner));
    };
    return nest(0, 0, this.size);
  }

  /** Overwrites the elements in place with host values, row-major. Views of the same memory see them too. */
  assign(values: ArrayLike<number>): this {
    const view = this.view('assign');
    if (values.length !== this.size) {
      throw new ShapeError(`assign: ${format(this.shape)} holds ${this.size} elements, got ${values.length}`);
    }
    if (!isContiguous(view)) throw new ShapeError('assign: expected a contiguous tensor');
    view.storage.version = nextVersion();
    this.device.backend.write(view, toHost(values, this.dtype));
    return this;
  }

  /** Asks backward() to leave the gradient here in `grad`, though an op made this tensor. Returns the tensor. */
  retainGrad(): this {
    if (!this.requiresGrad) throw new ShapeError(`retainGrad: ${this} does not require gradients`);
    this.retainsGrad = true;
    return this;
  }

  /** The same values outside the tape. Shares memory. */
  detach(): Tensor {
    return this.alias('detach');
  }

  /** Gives the memory back now, unless another view still needs it. Also called by `using`. */
  override dispose(by = 'dispose() or the end of its scope'): void {
    moveTo(this, null);
    this.grad?.dispose(by);
    this.lease.release(by);
    collected.unregister(this.lease);
    this.history = null;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Text where text is wanted. Throws where JavaScript would make a number of it, as `x > 0` does: values come later. */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === 'string') return this.toString();
    if (tracing()) {
      throw new CompileError("compile: a tensor's value cannot be read inside, as a comparison or sum of numbers does");
    }
    throw new TypeError(`expected a number, got ${this}: its value comes by await item(), and math by its methods`);
  }

  override toString(): string {
    const flags = `${this.requiresGrad ? ', requiresGrad' : ''}${this.released ? ', released' : ''}`;
    return `Tensor(${format(this.shape)}, ${this.dtype}, ${this.device}${flags})`;
  }
}
