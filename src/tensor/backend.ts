// The small interface that every device implements, and the type of a kernel: how one op runs on each device.
import type { DType, HostArray } from './dtype.ts';
import type { Layout, Shape } from './shape.ts';

/** A device's own name for a piece of its memory: an array on the CPU, a buffer on WebGPU. */
export type Handle = unknown;

/** Reference-counted device memory; several tensors may be views of one. */
export interface Storage {
  readonly backend: Backend;
  readonly handle: Handle;
  /** Live tensors that look at this storage. */
  references: number;
  /** New with every write in place, so that the tape can tell a saved tensor that has changed or moved since. */
  version: number;
  /** How many tensors were moved from here to other memory. */
  moved?: number;
}

/** A typed layout over storage: what a kernel reads and writes. */
export interface View extends Layout {
  dtype: DType;
  storage: Storage;
}

/** Shape and dtype without memory: enough to check a call and to name its outputs. */
export interface Spec {
  shape: Shape;
  dtype: DType;
}

/** A contiguous array as a kernel's CPU reference sees it. */
export interface CpuArray {
  data: HostArray;
  shape: Shape;
}

/** A WGSL program: the file, for messages, its text, and the `const`, `alias` and `fn` lines put in front of it. */
export interface Shader {
  file: string;
  source: string;
  preamble?: string;
  /** Bindings that hold float16 where the text says f32: what is loaded is widened, and what is stored narrowed. */
  halves?: readonly number[];
}

/** Where a binding comes from: an input or output of the call, or scratch memory of the plan. */
export interface Slot {
  of: 'input' | 'output' | 'temp';
  index: number;
}

/** A field of the uniform block; plain numbers are u32. `fault` is the number by which the call's fault is known. */
export type Param = number | { f32: number } | { i32: number } | 'fault';

/**
 * One compute dispatch. Bindings are `reads`, then `writes`, then the memory of faults where there is `fault`, then the
 * uniform block of `params`.
 */
export interface Dispatch {
  shader: Shader;
  /** Default: every input. */
  reads?: Slot[];
  /** Default: every output. */
  writes?: Slot[];
  params: Param[];
  /**
   * The binding of output 0, where the shader hands each of its elements to `put` (see putting in ops/launch.ts), once and
   * in its final form.
   */
  put?: number;
  /** The binding of input 0, where the shader reads its elements by `take` alone, or in `quads` too (see taking in ops/launch.ts). */
  take?: { binding: number; quads: boolean };
  /** What is bound behind the uniform block, reads first. */
  more?: { reads: Slot[]; writes: Slot[] };
  /**
   * Words for a value that the shader may find wrong, such as an index out of range: what it reports becomes an
   * IndexError at the next read. Its params have a field 'fault'.
   */
  fault?: (value: number) => string;
  /** Workgroups in x, y, z. */
  workgroups: readonly [number, number, number];
}

/** What one call of a kernel does on a GPU, as plain data. `temps` are sizes of scratch memory in elements. */
export interface Plan {
  temps?: number[];
  dispatches: Dispatch[];
}

/** What a plan may depend on beside the call: the adapter's kind and limits. */
export interface GpuTraits {
  /** True on adapters that compute on the CPU, which like other tiles than GPUs do. */
  software: boolean;
  /** Lanes of a subgroup; 0 where the adapter has no subgroups, or has them in several sizes. */
  subgroup: number;
  limits: { maxComputeInvocationsPerWorkgroup: number; maxComputeWorkgroupStorageSize: number };
  /** The configuration that tuning chose for a class of calls, by name; see backends/webgpu/tune.ts. */
  choice?: (name: string) => string | undefined;
}

/** A typed layout as a plan sees it: the buffer is bound near its start, `offset` is what is left to add. */
export interface TypedLayout extends Layout {
  dtype: DType;
}

/** The function of one element, of an op whose outputs' elements depend on those of its inputs at the same place, broadcast. */
export interface Expression {
  /** WGSL in x, y, z and the scalars a, b, c. */
  wgsl: string;
  /** Operands in order: null for the next input, or a number. */
  operands: (number | null)[];
  scalars: number[];
  /** The WGSL type of numbers among the operands. */
  numberType: string;
}

/** How one op runs on each device. Outputs are contiguous; an op that works in place finds its old values in them. */
// biome-ignore lint/suspicious/noExplicitAny: a list of kernels holds many types of attributes
export interface Kernel<A = any> {
  readonly name: string;
  /** The float64 reference. Inputs are contiguous copies. */
  cpu(inputs: CpuArray[], outputs: CpuArray[], attrs: A): void;
  /** Floating-point operations of a call, where the row tells; rows that only move elements do not. See ops/flops.ts. */
  flops?(inputs: Spec[], outputs: Spec[], attrs: A): number;
  /** What an elementwise op does to an element: compiled programs join such kernels. */
  expression?(inputs: Spec[], outputs: Spec[], attrs: A): Expression;
  /** Whether all plans that have dispatches hand output 0 to `put` (see Dispatch). */
  puts?: boolean;
  /** Whether plans write output 0 in quads, up to three elements past its last; elementwise ops do. */
  quads?: boolean;
  /** Whether all dispatches of all plans read input 0 by `take` (see Dispatch), if at all. */
  takes?: boolean;
  /** The dispatches that compute the same on a GPU. Pure; called before any GPU work. */
  plan(inputs: TypedLayout[], outputs: TypedLayout[], attrs: A, gpu: GpuTraits): Plan;
  /**
   * Who won, as numbers: which branch each element took where the function has kinks. Where these change between two
   * inputs, differences say nothing about the gradient. Outputs of whole numbers and bools count as such by themselves.
   */
  winners?(inputs: CpuArray[], outputs: CpuArray[], attrs: A): ArrayLike<number>;
}

/** Bytes of device memory: in live tensors, and in all that is held from the device, spare buffers included. */
export interface MemoryUse {
  bytes: number;
  reserved: number;
}

/** What stands for memory in a graph: the handle of a storage that is the graph's own. */
export interface Symbolic {
  elements: number;
  dtype: DType;
}

/** One call of a kernel in a graph. */
export interface Call {
  kernel: Kernel;
  inputs: View[];
  /** The first `mutates` of them are changed in place; the others are written whole. */
  outputs: View[];
  mutates: number;
  attrs: unknown;
  /** Which of the values that a replay is given takes the place of `attrs`; -1 where they never change. */
  live: number;
}

/** A traced computation: calls in order, on storages of the graph's own (see Symbolic) and on the backend's. */
export interface Graph {
  calls: Call[];
  /** Own storages that every replay fills. */
  inputs: Storage[];
  /** Own storages that hold the same values at the start of every replay. */
  constants: Map<Storage, HostArray>;
  /** Own storages that are zeros before the first replay, and share no memory: what no call writes stays zero. */
  zeroed: Storage[];
  /** What a replay hands out: contiguous, on own storages. */
  results: View[];
}

/** A graph made ready to run again and again. */
export interface Program {
  /** The shader files that each call dispatches. */
  readonly shaders: string[][];
  /** Bytes of the graph's own memory as it is shared, and as it would be without sharing. */
  readonly bytes: { planned: number; unshared: number };
  /** Submits of a replay to the device. */
  readonly submits: number;
  /**
   * Runs the calls once: fills the inputs from contiguous views, takes `values` as live attributes (null: those of the
   * trace), and writes the results to contiguous views. False where other dispatches are needed now; then nothing was done.
   */
  replay(inputs: View[], results: View[], values: readonly unknown[] | null): boolean;
  /** Gives its memory back. */
  dispose(): void;
}

/** What a device must do. Calls take effect in the order in which they are made. */
export interface Backend {
  /** `op` names the caller in an out-of-memory error. */
  allocate(op: string, elements: number, dtype: DType): Handle;
  /** Overwrites the elements of a contiguous view with host values, converted to what the device holds for its dtype. */
  write(view: View, data: HostArray): void;
  /** The elements of a view, row-major. Rejects with what went wrong before it, if anything did. */
  read(view: View): Promise<HostArray>;
  run(kernel: Kernel, inputs: View[], outputs: View[], attrs: unknown): void;
  /** Whether fewer and larger kernels are faster: compiled programs join them. */
  readonly fuses: boolean;
  /** Plans a graph and asks for all that it needs; returns at once. */
  program(graph: Graph): Program;
  free(handle: Handle): void;
  memory(): MemoryUse;
  destroy(): void;
  /** Why its tensors can no longer be used, on a backend that only recorded. */
  readonly closed?: string | null;
}
