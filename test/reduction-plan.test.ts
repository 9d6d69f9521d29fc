// Reductions and scans of a million elements keep a whole GPU busy, in whatever shape they come.
import { expand, init, logSoftmax, norm, ones, scope, softmax, type Tensor } from 'downhill';
import { describe, expect, test } from 'vitest';
import { allOps, opNamed } from '../src/autograd/op.ts';
import type { WebGpuBackend } from '../src/backends/webgpu/backend.ts';
import '../src/ops/index.ts';
import type { Plan, TypedLayout } from '../src/tensor/backend.ts';
import { contiguousLayout, contiguousStrides, type Shape } from '../src/tensor/shape.ts';

const limits = { maxComputeInvocationsPerWorkgroup: 256, maxComputeWorkgroupStorageSize: 16384 };

/** What plans go by: software adapters get others. */
const adapters = [
  { kind: 'a GPU', gpu: { software: false, subgroup: 0, limits } },
  { kind: 'a software adapter', gpu: { software: true, subgroup: 0, limits } },
];

/** Workgroups that all of these get, where they have a million elements to read. */
const BUSY = 60;

const float = (shape: Shape, strides = contiguousStrides(shape)): TypedLayout => ({
  ...contiguousLayout(shape),
  strides,
  dtype: 'float32',
});

/** Workgroups of the dispatch that reads the input, which has the work; each dimension must fit the limit. */
function workgroups({ dispatches }: Plan): number {
  for (const { workgroups } of dispatches) expect(Math.max(...workgroups)).toBeLessThanOrEqual(65535);
  return dispatches[0].workgroups.reduce((a, b) => a * b);
}

const shapes: [title: string, x: TypedLayout, dims: number[]][] = [
  ['a vector', float([1_000_003]), [0]],
  ['two rows', float([2, 500_009]), [1]],
  ['the two of each column', float([2, 500_009]), [0]],
  ['two columns', float([500_009, 2]), [0]],
  ['pairs', float([500_009, 2]), [1]],
  ['the middle', float([101, 101, 101]), [1]],
  ['outer and inner', float([101, 101, 101]), [0, 2]],
  ['the outermost', float([101, 101, 101]), [0]],
  ['all of a transposed matrix', float([1009, 991], [1, 1009]), [0, 1]],
  ['64 columns', float([16_001, 64]), [0]],
];

const reductions = [
  ...['sum', 'mean', 'prod', 'amax', 'amin', 'max', 'min', 'argmax', 'argmin', 'any', 'all', 'countNonzero'],
  ...['logsumexp', 'var', 'std', 'norm'],
];

describe.each(adapters)('on $kind', ({ gpu }) => {
  test.each(shapes)('%s', (_title, x, dims) => {
    for (const name of reductions) {
      const op = opNamed(name);
      const attrs = { dims, keepdim: false };
      expect(op.strided!([x], attrs)).toEqual([true]);
      const outputs = op.outputs([x], attrs).map((spec) => ({ ...contiguousLayout(spec.shape), dtype: spec.dtype }));
      expect(workgroups(op.plan([x], outputs, attrs, gpu)), name).toBeGreaterThanOrEqual(BUSY);
    }
  });

  test.each(shapes)('%s, scanned', (_title, x, [dim]) => {
    for (const name of ['cumsum', 'cumprod']) {
      const attrs = { dim, reverse: false, exclusive: false };
      expect(workgroups(opNamed(name).plan([x], [float(x.shape)], attrs, gpu)), name).toBeGreaterThanOrEqual(BUSY);
    }
  });
});

test('no reduction is left out', () => {
  // A row that takes `dims` and `keepdim` beside a tensor: it gives rank 0 of a vector.
  const reduces = (op: ReturnType<typeof allOps>[number]) => {
    if (!('plan' in op)) return false;
    try {
      const [spec] = op.outputs([float([5])], { dims: [0], keepdim: false } as never);
      const [kept] = op.outputs([float([5])], { dims: [0], keepdim: true } as never);
      return spec.shape.length === 0 && kept.shape.length === 1;
    } catch {
      return false;
    }
  };
  const found = allOps().filter(reduces);
  expect(found.map(({ name }) => name).sort()).toEqual([...reductions].sort());
});

/** Ops that are made of others, over a million elements. */
const composed: [title: string, shape: Shape, run: (x: Tensor) => Tensor][] = [
  ['norm of p = 1', [1_000_003], (x) => norm(x, 1)],
  ['norm of p = 1 of rows', [2, 500_009], (x) => norm(x, 1, 1)],
  ['norm of p = Infinity', [1_000_003], (x) => norm(x, Number.POSITIVE_INFINITY)],
  ['norm of p = Infinity of columns', [500_009, 2], (x) => norm(x, Number.POSITIVE_INFINITY, 0)],
  ['softmax of long rows', [2, 500_009], (x) => softmax(x)],
  ['softmax of long columns', [500_009, 2], (x) => softmax(x, 0)],
  ['logSoftmax of a long row', [1_000_003], (x) => logSoftmax(x)],
];

describe.each(adapters)('with the plans of $kind', ({ gpu: { software } }) => {
  test.each(composed)('%s', async (_title, shape, run) => {
    const device = await init();
    const backend = device.backend as WebGpuBackend;
    const most = new Map<string, number>();
    backend.intercept = (op, dispatch) => {
      const count = dispatch.workgroups.reduce((a, b) => a * b);
      most.set(op, Math.max(most.get(op) ?? 0, count));
      return dispatch;
    };
    backend.traits.software = software;
    scope(() => {
      run(expand(ones([1]), shape));
    });
    device.destroy();
    // Every op on the way has the million elements before it, but for the logarithm of the sums.
    expect(most.size).toBeGreaterThan(0);
    for (const [op, count] of most) {
      if (op !== 'log') expect(count, op).toBeGreaterThanOrEqual(BUSY);
    }
  });
});
