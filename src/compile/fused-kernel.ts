// The kernel of calls that were joined: the plan of the one in front, which takes what some compute and puts what others go on with.
import { type Chain, planChain, putThrough, type Told, takeThrough } from '../ops/fusion.ts';
import type { Call, Dispatch, Kernel, Plan, Slot, TypedLayout, View } from '../tensor/backend.ts';
import { contiguousLayout } from '../tensor/shape.ts';

const slots = (of: Slot['of'], from: number, to: number): Slot[] =>
  Array.from({ length: to - from }, (_, i) => ({ of, index: from + i }));

/** A call, and the elementwise ones that are joined to it. */
export interface Joined {
  /** All kernels in order, for the name. */
  kernels: Kernel[];
  lead: Call;
  /** What computes input 0 of the lead, by its place in memory. */
  before: { chain: Chain; inputs: View[] } | null;
  /** What goes on with output 0 of the lead. */
  behind: { chain: Chain; inputs: View[] } | null;
}

const nameOf = (kernels: Kernel[]) => kernels.map(({ name }) => name).join('+');

const cpu = () => {
  throw new Error('the CPU backend runs calls one by one');
};

const operations = (chain: Chain | undefined) => (chain ? chain.members.length * chain.n : 0);

/** The kernel of elementwise calls alone. */
export const chainKernel = (kernels: Kernel[], chain: Chain): Kernel => ({
  name: nameOf(kernels),
  cpu,
  flops: () => operations(chain),
  quads: true,
  plan: (inputs) => planChain(chain, inputs),
});

/**
 * The kernel of a call with others. Inputs: those of the lead, of which `before` replaces the first, then those of `before` and
 * of `behind`. Outputs: what `behind` stores, or output 0 of the lead, then the other outputs of the lead.
 */
export function joinedKernel({ kernels, lead, before, behind }: Joined): Kernel {
  const name = nameOf(kernels);
  const own = lead.inputs.length - (before ? 1 : 0);
  const taken = own + (before?.inputs.length ?? 0);
  const stored = behind?.chain.stored.length ?? 1;
  const [{ shape, dtype }] = lead.outputs;

  const move = ({ of, index }: Slot): Slot => {
    if (of === 'output' && index > 0) return { of, index: stored + index - 1 };
    return of === 'input' && before ? { of, index: index - 1 } : { of, index };
  };

  function join(dispatch: Dispatch, inputs: TypedLayout[]): Dispatch {
    const reads = (dispatch.reads ?? slots('input', 0, lead.inputs.length)).map(move);
    const writes = (dispatch.writes ?? slots('output', 0, lead.outputs.length)).map(move);
    let told: Told = { ...dispatch, reads, writes };
    if (before && told.take !== undefined) {
      told = takeThrough(told, before.chain, inputs.slice(own, taken), slots('input', own, taken));
    }
    if (told.reads.some(({ index }) => index < 0)) throw new Error(`${name}: expected its input 0 to be read by take`);
    if (behind && told.put !== undefined) {
      const more = slots('input', taken, inputs.length);
      told = putThrough(told, behind.chain, inputs.slice(taken), more, slots('output', 0, stored));
    }
    return told;
  }

  return {
    name,
    cpu,
    flops: (inputs, _outputs, attrs) => {
      const given = before ? lead.inputs : inputs.slice(0, own);
      const led = lead.kernel.flops?.(given, lead.outputs, attrs) ?? 0;
      return led + operations(before?.chain) + operations(behind?.chain);
    },
    plan(inputs, outputs, attrs, gpu): Plan {
      // What never reaches memory lies as if it did.
      const first: TypedLayout = behind ? { ...contiguousLayout(shape), dtype } : outputs[0];
      const read = before ? [lead.inputs[0], ...inputs.slice(0, own)] : inputs.slice(0, own);
      const plan = lead.kernel.plan(read, [first, ...outputs.slice(stored)], attrs, gpu);
      const { dispatches } = plan;
      if (behind && dispatches.filter(({ put }) => put !== undefined).length !== 1) {
        throw new Error(`${name}: expected one dispatch with put`);
      }
      if (before && !dispatches.some(({ take }) => take !== undefined)) {
        throw new Error(`${name}: expected a dispatch with take`);
      }
      return { ...plan, dispatches: dispatches.map((dispatch) => join(dispatch, inputs)) };
    },
  };
}
