// Kernels whose last threads come first: adapters that run the threads of a workgroup one group after the other, from the
// first, hide what a missing barrier does to a thread that reads before an earlier one has written.
import type { Shader } from '../../src/tensor/backend.ts';

/** Where a kernel is told the index of its thread: the size of the workgroup before, the beginning of the function behind. */
const ENTRY = /(@workgroup_size\((\w+)\)[^{]*@builtin\(local_invocation_index\) )thread(: u32[^{]*\{)/;

const turned = new WeakMap<Shader, Shader>();

/**
 * The same kernel with its threads numbered from the last, odd ones before even ones, so that neighbours run apart. The
 * kernel itself where its threads are not told apart, share no memory, or rely on subgroups, which number them as they run.
 */
export function backwards(shader: Shader): Shader {
  const known = turned.get(shader);
  if (known) return known;
  const { source, preamble = '' } = shader;
  const isOrdered = /var<workgroup>/.test(source) && !/enable subgroups/.test(preamble);
  const text = source.replace(ENTRY, (_, head, size, body) => {
    const next = `2u * forward % ${size} + 2u * forward / ${size}`;
    return `${head}forward${body} let thread = ${size} - 1u - (${next});`;
  });
  const result = isOrdered && text !== source ? { ...shader, source: text } : shader;
  turned.set(shader, result);
  return result;
}
