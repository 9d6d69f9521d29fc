// Kernels whose threads come in another order: adapters that run the threads of a workgroup one group after the other hide
// what a missing barrier does to a thread that reads before another one has written.
import type { Shader } from '../../src/tensor/backend.ts';

/** Where a kernel is told the index of its thread: the size of the workgroup before, the beginning of the function behind. */
const ENTRY = /(@workgroup_size\((\w+)\)[^{]*@builtin\(local_invocation_index\) )thread(: u32[^{]*\{)/;

/** Even threads before odd ones, so that neighbours run apart; and the same from the last to the first. */
const ORDERS = {
  apart: (size: string) => `2u * given % ${size} + 2u * given / ${size}`,
  backwards: (size: string) => `${size} - 1u - (${ORDERS.apart(size)})`,
};

export type Order = keyof typeof ORDERS;
export const orders = Object.keys(ORDERS) as Order[];

const made = new WeakMap<Shader, Partial<Record<Order, Shader>>>();

/**
 * The same kernel with its threads in another order. The kernel itself where its threads are not told apart, share no
 * memory, or rely on subgroups, which number them as they run.
 */
export function reordered(shader: Shader, order: Order): Shader {
  const known = made.get(shader) ?? {};
  if (known[order]) return known[order];
  const { source, preamble = '' } = shader;
  const isOrdered = /var<workgroup>/.test(source) && !/enable subgroups/.test(preamble);
  const text = source.replace(
    ENTRY,
    (_, head, size, body) => `${head}given${body} let thread = ${ORDERS[order](size)};`,
  );
  const result = isOrdered && text !== source ? { ...shader, source: text } : shader;
  made.set(shader, { ...known, [order]: result });
  return result;
}
