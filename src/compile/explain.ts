// What a compiled function does at each call, as numbers and as a table.
import type { Call, Graph, Program, View } from '../tensor/backend.ts';
import { BYTES } from '../tensor/dtype.ts';
import { extent, format } from '../tensor/shape.ts';

/** One call of a kernel. */
export interface KernelUse {
  op: string;
  /** The shader of each of its dispatches; none on the CPU backend. */
  shaders: string[];
  /** Shapes of the outputs. */
  shapes: string[];
  bytesRead: number;
  bytesWritten: number;
  /** Floating-point operations, where the op tells. */
  flops: number | null;
}

const bytesOf = (views: View[]) => views.reduce((total, view) => total + extent(view) * BYTES[view.dtype], 0);

const KILO = 1024;
const size = (bytes: number) =>
  bytes < KILO
    ? `${bytes} B`
    : bytes < KILO ** 2
      ? `${(bytes / KILO).toFixed(1)} KB`
      : `${(bytes / KILO ** 2).toFixed(1)} MB`;

const count = (n: number, one: string, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;

function useOf({ kernel, inputs, outputs, mutates, attrs }: Call, shaders: string[]): KernelUse {
  return {
    op: kernel.name,
    shaders,
    shapes: outputs.map(({ shape }) => format(shape)),
    bytesRead: bytesOf([...inputs, ...outputs.slice(0, mutates)]),
    bytesWritten: bytesOf(outputs),
    flops: kernel.flops?.(inputs, outputs, attrs) ?? null,
  };
}

/** What step.explain() returns; its toString() is a table. */
export class Explanation {
  readonly kernels: KernelUse[];
  readonly dispatches: number;
  /** Submits of a call: 1, and 0 on the CPU backend. */
  readonly submits: number;
  /** Most bytes at a time that the plan takes beside parameters and arguments, and what it would take without sharing. */
  readonly peakBytes: number;
  readonly unsharedBytes: number;
  private readonly title: string;

  constructor(title: string, graph: Graph, program: Program) {
    this.title = title;
    this.kernels = graph.calls.map((call, c) => useOf(call, program.shaders[c]));
    this.dispatches = program.shaders.flat().length;
    this.submits = program.submits;
    this.peakBytes = program.bytes.planned;
    this.unsharedBytes = program.bytes.unshared;
  }

  /** Floating-point operations of all kernels that tell; null where none does. */
  get flops(): number | null {
    const known = this.kernels.flatMap(({ flops }) => flops ?? []);
    return known.length === 0 ? null : known.reduce((total, flops) => total + flops, 0);
  }

  toString(): string {
    const { flops } = this;
    const counts = [count(this.kernels.length, 'kernel'), count(this.dispatches, 'dispatch', 'dispatches')];
    const memory = `peak ${size(this.peakBytes)}, ${size(this.unsharedBytes)} without sharing`;
    const head = ['kernel', 'output', 'read', 'written', ...(flops === null ? [] : ['FLOPs']), 'shaders'];
    const rows = this.kernels.map((use) => [
      use.op,
      use.shapes.join(' '),
      size(use.bytesRead),
      size(use.bytesWritten),
      ...(flops === null ? [] : [use.flops === null ? '' : String(use.flops)]),
      [...new Set(use.shaders)].join(' '),
    ]);
    const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i].length)));
    const lines = [head, ...rows].map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]))
        .join('  ')
        .trimEnd(),
    );
    const total = flops === null ? [] : [`${flops} FLOPs`];
    return [`${this.title}: ${[...counts, count(this.submits, 'submit'), memory, ...total].join(', ')}`, ...lines].join(
      '\n',
    );
  }
}
