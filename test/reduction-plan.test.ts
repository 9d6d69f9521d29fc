// Reductions and scans of a million elements keep a whole GPU busy, in whatever shape they come.
import { expect, test } from 'vitest';
import { opNamed } from '../src/autograd/op.ts';
import '../src/ops/index.ts';
import type { Plan, TypedLayout } from '../src/tensor/backend.ts';
import { contiguousLayout, contiguousStrides, type Shape } from '../src/tensor/shape.ts';

const gpu = {
  software: false,
  subgroup: 0,
  limits: { maxComputeInvocationsPerWorkgroup: 256, maxComputeWorkgroupStorageSize: 16384 },
};

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

const reductions = ['sum', 'mean', 'prod', 'amax', 'max', 'argmax', 'any', 'logsumexp', 'var', 'norm'];

test.each(shapes)('%s', (_title, x, dims) => {
  for (const name of reductions) {
    const op = opNamed(name);
    const attrs = { dims, keepdim: false };
    expect(op.strided!([x], attrs)).toEqual([true]);
    const outputs = op.outputs([x], attrs).map((spec) => ({ ...contiguousLayout(spec.shape), dtype: spec.dtype }));
    expect(workgroups(op.plan([x], outputs, attrs, gpu))).toBeGreaterThanOrEqual(60);
  }
});

test.each(shapes)('%s, scanned', (_title, x, [dim]) => {
  for (const name of ['cumsum', 'cumprod']) {
    const attrs = { dim, reverse: false, exclusive: false };
    expect(workgroups(opNamed(name).plan([x], [float(x.shape)], attrs, gpu))).toBeGreaterThanOrEqual(60);
  }
});
