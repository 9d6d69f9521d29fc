// Every op on this machine's adapter, by its cases; and the kernel check itself, which must notice what is wrong.
import { readdir } from 'node:fs/promises';
import { type Device, init, keep, memory, mul, neg, square, type Tensor, zeros } from 'downhill';
import { type Case, cases, formatReport, type KernelReport, kernelCheck } from 'downhill/check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allOps, define } from '../src/autograd/op.ts';
import { apply } from '../src/autograd/tape.ts';
import type { WebGpuBackend } from '../src/backends/webgpu/backend.ts';
import { normal } from '../src/check/values.ts';
import { elementwise } from '../src/ops/define.ts';
import { TILES } from '../src/ops/gemm-config.ts';
import { expected, SeenVariants } from './shader-variants.ts';

// Those of the project; tests below add their own.
const names = allOps().map((op) => op.name);

let device: Device;
let report: KernelReport;
let others: KernelReport;
/** Ops and tiles of the GEMM core that the check of this adapter ran. */
const tiles = new Set<string>();
/** What both checks ran: constants of preambles, and which ops reduced by which shader, element by element or by quads. */
const variants = new SeenVariants();
const reductions = new Map<string, Set<string>>();

beforeAll(async () => {
  device = await init();
  const backend = device.backend as WebGpuBackend;
  backend.observer = (op, file, preamble) => {
    const sizes = ['TILE_M', 'TILE_N', 'TILE_K', 'TALL', 'WIDE'].map(
      (name) => preamble.match(`${name} = (\\w+);`)?.[1],
    );
    if (file === 'gemmTile.wgsl') tiles.add(`${op}: ${sizes.join(' ')}`);
    watch(op, file, preamble);
  };
  report = await kernelCheck(device);
  backend.observer = watch;
  console.log(formatReport(report));
  // Adapters of the other kind get other kernels, which this one can run too; grids are folded as large ones are.
  const plans = device.info.software ? 'hardware' : 'software';
  others = await kernelCheck(device, {
    plans,
    folds: true,
    differences: false,
    cases: cases.filter((item) => !item.large),
  });
  backend.observer = null;
}, 900_000);

function watch(op: string, file: string, preamble: string): void {
  variants.add(file, preamble);
  // Products add up their chunks by the same shaders, as they come.
  if (!file.startsWith('reduce') || op === 'matmul' || op.startsWith('conv2d')) return;
  const lanes = preamble.match(/LANES = (\d)u/)?.[1];
  reductions.set(op, (reductions.get(op) ?? new Set()).add(lanes ? `${file} ${lanes}` : file));
}

afterAll(() => device.destroy());

const row = ({ ops }: KernelReport, name: string) => ops.find(({ op }) => op === name)!;

describe('ops on this adapter', () => {
  test.each(names)('%s', (name) => {
    expect(row(report, name).failures).toEqual([]);
  });
});

describe('ops with the kernels of the other kind of adapters', () => {
  test.each(names)('%s', (name) => {
    expect(row(others, name).failures).toEqual([]);
  });
});

describe('coverage', () => {
  test('all ops have cases, all cases have ops', () => {
    expect(report.passed).toBe(true);
    expect(report.ops.map(({ op }) => op)).toEqual(names);
    expect(cases.filter(({ op }) => !names.includes(op))).toEqual([]);
  });

  test('no two cases of an op have one title', () => {
    const titles = cases.map(({ op, title }) => `${op}: ${title}`);
    expect(titles.filter((title, i) => titles.indexOf(title) !== i)).toEqual([]);
  });

  test('all shaders ran, whatever the adapter', async () => {
    const files = (await readdir('shaders')).filter((file) => file.endsWith('.wgsl'));
    expect(report.shaders.map(({ file }) => file)).toEqual(files.sort());
  });

  test('all variants of all shaders ran, and no others than are listed', () => {
    const { subgroup } = (device.backend as WebGpuBackend).traits;
    expect(variants.table()).toEqual(expected(subgroup));
  });

  test('all reductions ran along rows, by quads too, and along columns', () => {
    const all = ['reduceColumns.wgsl', 'reduceRows.wgsl 1', 'reduceRows.wgsl 4'];
    const ran = [...reductions].map(([op, files]) => `${op}: ${[...files].sort().join(', ')}`);
    expect(ran.length).toBeGreaterThanOrEqual(16);
    expect(ran.filter((line) => !line.endsWith(all.join(', ')))).toEqual([]);
  });

  test.each(['matmul', 'conv2d', 'conv2dInputGrad', 'conv2dWeightGrad'])('all tiles of %s ran', (op) => {
    const sizes = Object.values(TILES).map(
      ({ M, N, K, rows, columns }) => `${M}u ${N}u ${K}u ${rows === 8} ${columns === 8}`,
    );
    expect(sizes.filter((size) => !tiles.has(`${op}: ${size}`))).toEqual([]);
  });
});

const small = (op: string, run: Case['run']): Case => ({ op, title: 'a few', inputs: [normal([5])], run });

const check = (name: string, cases: Case[]) => kernelCheck(device, { ops: [name], cases });

describe('what the check notices', () => {
  test('a wrong WGSL expression', async () => {
    const call = elementwise({
      name: 'wrongKernel',
      cpu: (x) => x * x,
      wgsl: 'x * x * 1.00001',
      vjp: [({ g, x }) => mul(mul(g, x), 2)],
    });
    const found = await check('wrongKernel', [small('wrongKernel', (x) => call([x]))]);
    expect(found.passed).toBe(false);
    expect(found.ops[0].failures).toMatchObject([{ title: 'a few', detail: like(/^output 0, error 1\.0e-5 > /) }]);
    expect(found.ops[0].gradcheckError).toBeLessThan(1e-7);
    expect(formatReport(found)).toMatch(/wrongKernel .* FAILED\n {4}a few: output 0[\s\S]*1 FAILED$/);
  });

  test('a wrong derivative, of first and of second order', async () => {
    const first = elementwise({ name: 'wrongSlope', cpu: (x) => x * x, wgsl: 'x * x', vjp: [({ g, x }) => mul(g, x)] });
    const second = elementwise({
      name: 'wrongCurve',
      cpu: (x) => x * x,
      wgsl: 'x * x',
      vjp: [({ g, x }) => mul(mul(g, (x as Tensor).detach()), 2)],
    });
    const details = async (name: string, call: typeof first) =>
      (await check(name, [small(name, (x) => call([x]))])).ops[0].failures.map(({ detail }) => detail);
    // Of a slope that is wrong, the derivative may well be right.
    expect(await details('wrongSlope', first)).toEqual([like(/^first derivative on the CPU: gradcheck FAILED/)]);
    expect(await details('wrongCurve', second)).toEqual([like(/^second derivative on the CPU: gradcheck FAILED/)]);
  });

  test('an op without cases, and one that its cases do not run', async () => {
    elementwise({ name: 'lonely', cpu: (x) => x, wgsl: 'x', vjp: [null] });
    expect((await kernelCheck(device, { ops: ['lonely'] })).ops[0]).toMatchObject({
      passed: false,
      failures: [{ detail: 'has no case' }],
    });
    expect((await check('lonely', [small('lonely', neg)])).ops[0].failures).toEqual([
      { title: '', detail: 'no case of it runs it' },
    ]);
  });

  test('memory that is left behind', async () => {
    let leaked: Tensor | undefined;
    const found = await check('neg', [
      small('neg', (x) => {
        leaked ??= keep(zeros([3], { device }));
        return neg(x);
      }),
    ]);
    expect(found.ops[0].failures[0].detail).toMatch(/^12 bytes are still held on /);
    leaked!.dispose();
  });

  test('errors that do not come, have other words, or come too late', async () => {
    const refuse = (run: Case['run']): Case => ({ ...small('neg', run), refuses: /neg: no/ });
    const found = await check('neg', [
      small('neg', neg),
      refuse(neg),
      refuse(() => {
        throw new Error('nothing');
      }),
      refuse((x) => {
        neg(x);
        throw new Error('neg: no');
      }),
    ]);
    expect(found.ops[0].failures.map(({ detail }) => detail)).toEqual([
      'expected an error like /neg: no/, got none',
      'expected an error like /neg: no/, got: nothing',
      'took 20 bytes before it threw: neg: no',
    ]);
  });

  test('a case marked as having gradients that has none', async () => {
    const found = await check('neg', [small('neg', (x) => neg(x).detach())]);
    expect(found.ops[0].failures[0].detail).toMatch(/no output carries a gradient/);
  });

  test('a shader that does not compile: it is named, and the rest is not run', async () => {
    const op = define({
      name: 'broken',
      outputs: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
      cpu: () => {},
      plan: () => ({
        dispatches: [{ shader: { file: 'broken.wgsl', source: 'fn main( {' }, params: [0], workgroups: [1, 1, 1] }],
      }),
      vjp: null,
    });
    const other = await init();
    const broken: Case = { ...small('broken', (x) => apply(op, [x], {})[0]), gradients: 'none' };
    const found = await kernelCheck(other, { ops: ['broken', 'neg'], cases: [broken, small('neg', neg)] });
    expect(found.ops.map(({ failures }) => failures.map(({ detail }) => detail))).toEqual([
      [like(/broken\.wgsl:1:\d+: /)],
      ['not run, since the device failed before'],
    ]);
    other.destroy();
  });
});

describe('options', () => {
  test('ops, progress, and an op that does not exist', async () => {
    const seen: string[] = [];
    const onProgress = ({ op }: { op: string }, done: number, total: number) => seen.push(`${op} ${done}/${total}`);
    await kernelCheck(device, {
      ops: ['neg', 'square'],
      cases: [small('neg', neg), small('square', square)],
      onProgress,
    });
    expect(seen).toEqual(['neg 1/2', 'square 2/2']);
    await expect(kernelCheck(device, { ops: ['nothing'] })).rejects.toThrow(/no op named nothing/);
  });

  test('the CPU can be checked against itself', async () => {
    const cpu = await init({ device: 'cpu' });
    const found = await kernelCheck(cpu, { ops: ['relu', 'matmul'], cases: cases.filter((item) => !item.large) });
    expect(found.ops.flatMap((op) => op.failures)).toEqual([]);
    expect(found.shaders).toEqual([]);
  });

  test('the device is left as it was', () => {
    expect(memory(device).bytes).toBe(0);
  });
});

/** A pattern where vitest expects a value. */
function like(pattern: RegExp) {
  return expect.stringMatching(pattern);
}
