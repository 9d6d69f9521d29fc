// The kernel of calls that were joined: the plan of the one in front, whose results go through the others.
import { type Chain, planChain, putThrough } from '../ops/fusion.ts';
import type { Call, Dispatch, Kernel, Plan, Shader, Slot, TypedLayout } from '../tensor/backend.ts';
import { contiguousLayout, elementCount } from '../tensor/shape.ts';

const range = (count: number, from = 0) => Array.from({ length: count }, (_, i) => from + i);

/**
 * `kernels` in order, of which `lead` computes what the others go on with; null where all are elementwise. Inputs: those of
 * the lead, then those of the chain. Outputs: what the chain stores, then those of the lead but the first.
 */
export function fusedKernel(kernels: Kernel[], lead: Call | null, chain: Chain): Kernel {
  const name = kernels.map((kernel) => kernel.name).join('+');
  const taken = lead?.inputs.length ?? 0;
  const { shape, stored } = chain;
  /** The last shader that was made, which the next plan most likely needs again. */
  let last: { from: Shader; shader: Shader } | null = null;

  function behind(dispatch: Dispatch, inputs: TypedLayout[]): Dispatch {
    const move = (slot: Slot): Slot =>
      slot.of === 'output' ? { of: 'output', index: stored.length + slot.index - 1 } : slot;
    const reads = dispatch.reads ?? range(taken).map((index) => ({ of: 'input', index }) as const);
    const writes = (dispatch.writes ?? lead!.outputs.map((_, index) => ({ of: 'output', index }) as const)).map(move);
    const { put } = dispatch;
    if (put === undefined) return { ...dispatch, reads, writes };
    const through = putThrough({ ...dispatch, put, reads, writes }, chain, inputs, {
      reads: inputs.map((_, k) => ({ of: 'input', index: taken + k })),
      writes: stored.map((_, index) => ({ of: 'output', index })),
    });
    if (last?.from.preamble === dispatch.shader.preamble) return { ...through, shader: last!.shader };
    last = { from: dispatch.shader, shader: through.shader };
    return through;
  }

  return {
    name,
    cpu() {
      throw new Error(`${name}: the CPU backend runs calls one by one`);
    },
    flops: (inputs, _outputs, attrs) => {
      const [out, ...others] = lead?.outputs ?? [];
      const own = lead?.kernel.flops?.(inputs.slice(0, taken), [out, ...others], attrs) ?? 0;
      return own + chain.members.length * elementCount(shape);
    },
    plan(inputs, outputs, attrs, gpu): Plan {
      if (!lead) return planChain(chain, inputs);
      const first: TypedLayout = { ...contiguousLayout(shape), dtype: 'float32' };
      const plan = lead.kernel.plan(inputs.slice(0, taken), [first, ...outputs.slice(stored.length)], attrs, gpu);
      if (plan.dispatches.filter(({ put }) => put !== undefined).length !== 1) {
        throw new Error(`${name}: expected one dispatch with put`);
      }
      return { ...plan, dispatches: plan.dispatches.map((dispatch) => behind(dispatch, inputs.slice(taken))) };
    },
  };
}
