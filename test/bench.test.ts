// The bench: what it refuses, what it reports, and a short run of downhill alone.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundle } from '../bench/bundle.js';
import { compare } from '../bench/check.ts';
import { measure, type Options, type Row, spreadOf, type Timed } from '../bench/measure.ts';
import { formatReport, type Report, ratio } from '../bench/report.ts';
import { reportHtml } from '../bench/report-page.ts';
import { workloadOf } from '../bench/workloads/data.ts';
import { workloads } from '../bench/workloads/index.ts';
import { sizeOf, spread, valueAt, values } from '../bench/workloads/values.ts';

let folder: string;

beforeAll(async () => {
  // Below this package, so that the bundle finds its packages.
  await mkdir('test/output', { recursive: true });
  folder = await mkdtemp(join('test', 'output', 'bench-'));
  await bundle(folder, ['downhill']);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A library's process that answers as told, by name of the request. */
async function pretending(replies: Record<string, unknown>): Promise<string> {
  const path = join(folder, `pretender-${Object.keys(replies).join('-')}.mjs`);
  await writeFile(
    path,
    `import { createInterface } from 'node:readline';
import { Socket } from 'node:net';
const replies = ${JSON.stringify(replies)};
const out = new Socket({ fd: 4, readable: false, writable: true });
for await (const line of createInterface({ input: new Socket({ fd: 3 }) })) {
  const reply = replies[JSON.parse(line).do];
  if (reply === 'die') { console.error('out of cheese'); process.exit(3); }
  out.write(JSON.stringify(reply) + '\\n');
}`,
  );
  return path;
}

const optionsWith = (script: string): Options => ({
  adapter: undefined,
  libraries: ['jax'],
  budget: 0.01,
  samples: 3,
  command: (name) => ({
    command: process.execPath,
    args: [name === 'reference' ? join(folder, 'children', 'downhill.js') : script],
  }),
  say: () => {},
});

const opened = { result: { version: '1.2.3', adapter: 'none', software: true } };
const prepared = { result: { firstMs: 5 } };

describe('values', () => {
  it('are the same numbers on every machine, within their scale', () => {
    const fill = { seed: 3, scale: 0.5 };
    const some = values(fill, 1000);
    expect(Array.from(some.slice(0, 3))).toEqual([0, 1, 2].map((i) => valueAt(fill, i)));
    // Computed by the same formula in Python, for torch_child.py makes them too.
    expect(valueAt({ seed: 1, scale: 1 }, 0)).toBe(0.1467951536178589);
    expect(some.every((v) => v >= -0.5 && v < 0.5)).toBe(true);
    expect(Math.abs(some.reduce((a, b) => a + b) / 1000)).toBeLessThan(0.03);
    expect(spread(10, 3)).toEqual([0, 3, 6]);
  });

  it('count operations as the textbook does', () => {
    expect(workloadOf('matmul-64').flops).toBe(2 * 64 ** 3);
    const images = 64 * (28 * 28 * 8 * 25 * 2 + 14 * 14 * 16 * 8 * 25 * 3 + 7840 * 3) * 2;
    expect(workloadOf('cnn').flops).toBe(images);
    expect(() => workloadOf('matmul-63')).toThrow(/no workload named matmul-63; there are matmul-64/);
    expect(new Set(workloads.map(({ id }) => id)).size).toBe(workloads.length);
  });
});

describe('the check of values', () => {
  const op = workloadOf('matmul-64');
  const wanted = { out: op.kind === 'op' ? op.checked.map((i) => Math.sin(i)) : [] };

  it('passes what rounding explains, and refuses more, NaN and gaps', () => {
    expect(compare(op, { out: wanted.out.map((v) => v + 1e-6) }, wanted).wrong).toBeNull();
    const off = compare(op, { out: wanted.out.with(7, wanted.out[7] + 1e-3) }, wanted);
    expect(off.wrong).toMatch(/values differ from float64: out: 1\.4e-3 of at most 1\.0e-4/);
    expect(compare(op, { out: wanted.out.with(7, Number.NaN) }, wanted).wrong).toMatch(/NaN/);
    expect(compare(op, { out: [1] }, wanted).wrong).toBe(`out: expected ${wanted.out.length} values, got 1`);
  });

  it('notices one parameter of a network that learns otherwise', () => {
    const train = workloadOf('mlp');
    if (train.kind !== 'train') throw new Error('mlp is a training workload');
    const right: Record<string, number[]> = { 'loss 1': [2.3] };
    for (const { name, shape, fill } of train.network.params) {
      right[`parameter ${name}`] = spread(sizeOf(shape), 4096).map((i) => valueAt(fill, i) + 0.003);
    }
    expect(compare(train, right, right).wrong).toBeNull();
    const [name] = Object.keys(right).slice(-1);
    const still = { ...right, [name]: right[name].map((v) => v - 0.003) };
    expect(compare(train, still, right).wrong).toMatch(`${name}: 1.0e+0 of at most 5.0e-2`);
  });

  it('keeps a library with wrong values from being timed', async () => {
    const count = op.kind === 'op' ? op.checked.length : 0;
    const script = await pretending({
      open: opened,
      prepare: prepared,
      values: { result: { out: Array(count).fill(1) } },
    });
    const versions = {};
    const { libraries } = await measure(op, optionsWith(script), versions);
    expect(libraries.jax).toMatchObject({ status: 'wrong', reason: expect.stringMatching(/differ from float64/) });
    expect(versions).toEqual({ jax: '1.2.3' });
  });

  it('tells why a library gave no values', async () => {
    const unable = await pretending({ open: opened, prepare: { unable: 'it has no matrices' } });
    const { libraries } = await measure(op, optionsWith(unable), {});
    expect(libraries.jax).toEqual({ status: 'unable', reason: 'it has no matrices' });
    const dying = await pretending({ open: 'die' });
    const { libraries: none } = await measure(op, optionsWith(dying), {});
    expect(none.jax).toMatchObject({ status: 'failed', reason: expect.stringMatching(/ended \(3\): out of cheese/) });
  });
});

describe('the report', () => {
  const timed = (ms: number): Timed => ({
    ...{ status: 'ok', firstMs: 1234, error: '', dispatches: 3, submits: 1, peakBytes: 3 * 2 ** 20, samples: 5 },
    ...{ step: { median: ms, low: 0.9 * ms, high: 1.2 * ms }, alone: spreadOf([ms]), js: spreadOf([0.25]) },
  });
  const { id, title, group, flops, bytes } = workloadOf('matmul-1024');
  const row: Row = {
    workload: { id, title, group, flops, bytes },
    libraries: { downhill: timed(20), jax: timed(50), tfjs: { status: 'unable', reason: 'no <b>matrices</b>' } },
  };
  const report: Report = {
    ...{ date: '2026-01-02T03:04:05.000Z', adapter: 'an adapter', software: true, host: 'a host', budget: 1 },
    ...{ peaks: { gflops: 500, gbs: 10 }, versions: { downhill: '1', jax: '2' }, rows: [row] },
  };

  it('has medians with quartiles, and ratios', () => {
    expect(spreadOf([5, 1, 3, 2, 4])).toEqual({ median: 3, low: 2, high: 4 });
    expect(ratio(timed(50), timed(20))).toEqual({ median: 2.5, low: 45 / 24, high: 60 / 18 });
    const text = formatReport(report);
    expect(text).toMatch(/downhill +1\.23 s +20\.0 ms \(18\.0 ms to 24\.0 ms\) +0\.25 ms +3 +1 +3\.0 MB/);
    expect(text).toMatch(/jax-js .* 2\.50 \(1\.88 to 3\.33\)/);
    // 2 * 1024^3 operations in 20 ms.
    expect(text).toMatch(/107 \(21 %\)/);
    expect(text).toMatch(/TensorFlow\.js +unable: no <b>matrices/);
  });

  it('is a page of its own, with nothing in it that is markup by accident', () => {
    const html = reportHtml(report);
    expect(html).toContain('no &#60;b&#62;matrices');
    expect(html).toContain('title="jax-js: 2.5 (1.88 to 3.33)"');
    expect(html.match(/<section>/g)).toHaveLength(4);
    expect(html).not.toMatch(/https?:|NaN|undefined|Infinity/);
    // 2^24 numbers read and one written in 20 ms, where a copy moves 10 GB in a second.
    const { id, title, group, flops, bytes } = workloadOf('sum-2p24');
    const sum: Row = { workload: { id, title, group, flops, bytes }, libraries: { downhill: timed(20) } };
    const both = reportHtml({ ...report, rows: [row, sum] });
    expect(both.match(/<section>/g)).toHaveLength(5);
    expect(both.slice(both.indexOf('Share of the copy rate'))).toContain('title="downhill: 33.6 % (28 % to 37.3 %)"');
  });
});

describe('bench', () => {
  it('checks and times downhill, and leaves JSON and a page', async () => {
    const out = join(folder, 'results');
    const flags = ['--library', 'downhill', '--only', 'matmul-127x513x129', 'mlp', '--budget', '0.05', '--json'];
    // Shaders may have been compiled before: first steps are not what this is about.
    const env = { ...process.env, MESA_SHADER_CACHE_DISABLE: 'false' };
    const args = [join(folder, 'main.js'), ...flags, '--out', out];
    const { stdout } = await promisify(execFile)(process.execPath, args, { env });
    const report = JSON.parse(stdout) as Report;
    expect(report.rows.map(({ workload }) => workload.id)).toEqual(['matmul-127x513x129', 'mlp']);
    for (const { libraries } of report.rows) {
      const found = libraries.downhill as Timed;
      expect(found).toMatchObject({ status: 'ok', submits: 1, error: expect.stringMatching(/of at most/) });
      expect(found.samples).toBeGreaterThanOrEqual(3);
      expect(found.dispatches).toBeGreaterThan(0);
      expect(found.peakBytes).toBeGreaterThan(4 * 127 * 513);
      expect(found.step.low).toBeLessThanOrEqual(found.step.high);
    }
    expect(report.peaks.gflops).toBeGreaterThan(0);
    const files = await readdir(out);
    expect(files.map((name) => name.split('.').at(-1)).sort()).toEqual(['html', 'json']);
    const kept = files.find((name) => name.endsWith('.json'))!;
    expect(JSON.parse(await readFile(join(out, kept), 'utf8'))).toEqual(report);
  }, 180_000);

  it('names what it does not know', async () => {
    const wrong = promisify(execFile)(process.execPath, [join(folder, 'main.js'), '--only', 'matmuls']);
    await expect(wrong).rejects.toThrow(/there is no workload or group named matmuls; there are matmul-64/);
  });
});
