// The folder of a search: what it holds, how an interrupted search goes on; and trials in processes of their own.
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { beforeAll, describe, expect, test } from 'vitest';
import { decodeSafetensors } from '../src/io/safetensors.ts';
import { readSearch, SearchFolder } from '../src/search/folder.node.ts';
import { forked } from '../src/search/forked.node.ts';
import { search } from '../src/search/search.ts';
import { choice, logUniform, uniform } from '../src/search/space.ts';
import type { Trial } from '../src/search/trial.ts';

const output = resolve('test/output/search');
const out = (name: string) => join(output, name);

beforeAll(() => rm(output, { recursive: true, force: true }));

const space = { lr: logUniform(1e-6, 10), decay: uniform(0, 1), units: choice(16, 32, 64) };
const state = { w: { shape: [2], data: Float32Array.of(1, 2) } };
/** Best at lr 1e-3. */
const trial: Trial<typeof space> = ({ lr }, { report }) => {
  report({ epoch: 1, cost: 0.5, score: 0.75 });
  return { score: 1 - Math.abs(Math.log10(lr) + 3) / 10, state };
};

describe('a folder', () => {
  const inFolder = (name: string, resume = false) => ({
    store: new SearchFolder(out(name), { resume }),
    space,
    trials: 6,
  });

  test('holds the space, and each trial with values, metrics, checkpoint and result', async () => {
    const { best } = await search(trial, inFolder('whole'));
    expect((await readdir(out('whole'))).sort()).toEqual(
      [1, 2, 3, 4, 5, 6].map((n) => `trial-000${n}`).toSpliced(0, 0, 'search.json'),
    );
    const folder = out(`whole/trial-000${best!.trial}`);
    const name = `model-val${best!.score!.toFixed(4)}.safetensors`;
    expect((await readdir(folder)).sort()).toEqual(['metrics.jsonl', name, 'params.json', 'result.json']);
    expect(best!.checkpoint).toBe(name);
    expect(await readFile(join(folder, 'metrics.jsonl'), 'utf8')).toBe('{"epoch":1,"cost":0.5,"score":0.75}\n');
    expect(JSON.parse(await readFile(join(folder, 'params.json'), 'utf8')).params).toEqual(best!.params);
    const read = await readSearch(out('whole'));
    expect(read.plan.space).toEqual(space);
    expect(read.trials[best!.trial - 1]).toEqual(best);
  });

  test('takes an interrupted search up where it was, with the same values', async () => {
    const stages = { trials: 10, stages: 2 };
    const straight = await search(trial, { ...inFolder('straight'), ...stages });
    const controller = new AbortController();
    const made: number[] = [];
    const counted: Trial<typeof space> = (params, context) => {
      made.push(context.trial);
      if (context.trial === 8 && made.length === 8) controller.abort();
      return trial(params, context);
    };
    const cut = await search(counted, { ...inFolder('cut'), ...stages, signal: controller.signal });
    expect(cut).toMatchObject({ complete: false });
    expect(cut.trials.map(({ trial }) => trial)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(existsSync(out('cut/trial-0008/result.json'))).toBe(false);

    const whole = await search(counted, { ...inFolder('cut', true), ...stages });
    expect(made.slice(8)).toEqual([8, 9, 10]);
    const plain = ({ trials }: typeof whole) => trials.map(({ seconds, ...rest }) => rest);
    expect(plain(whole)).toEqual(plain(straight));
    expect(whole.spaces).toEqual(straight.spaces);
  });

  test('is not overwritten, and not resumed with something else', async () => {
    await search(trial, inFolder('kept'));
    await expect(search(trial, inFolder('kept'))).rejects.toThrow(/kept holds a search already: resume it/);
    const other = search(trial, { ...inFolder('kept', true), seed: 3 });
    await expect(other).rejects.toThrow(/kept holds a search with other seed: 0 there, 3 here/);
    const wider = search(trial, { ...inFolder('kept', true), space: { ...space, lr: logUniform(1e-7, 10) } });
    await expect(wider).rejects.toThrow(/other space: .*"min":0\.000001.* there, .*"min":1e-7.* here/);
    await expect(search(trial, { ...inFolder('kept', true), settings: { limit: 5 } })).rejects.toThrow(
      /other settings/,
    );
    // More trials of a random search are the same search, longer.
    const more = await search(trial, { ...inFolder('kept', true), trials: 8 });
    expect(more.trials).toHaveLength(8);
    expect((await readSearch(out('kept'))).plan.trials).toBe(8);
    await expect(readSearch(out('nowhere'))).rejects.toThrow('there is no search here');
    await writeFile(out('kept/trial-0003/result.json'), '{');
    await expect(search(trial, { ...inFolder('kept', true), trials: 8 })).rejects.toThrow(
      /trial-0003.result\.json: not JSON/,
    );
  });

  test('keeps stopped trials, and makes failed ones again within the ranges that there were', async () => {
    let broken = true;
    const shaky: Trial<typeof space> = (params, context) => {
      if (context.trial === 2 && broken) throw new Error('lost the device');
      if (context.trial === 3) context.report({ epoch: 0, cost: Number.NaN });
      return trial(params, context);
    };
    const stages = { trials: 8, stages: 2 };
    const first = await search(shaky, { ...inFolder('shaky'), ...stages });
    expect(first.trials.map(({ status }) => status).slice(0, 4)).toEqual(['done', 'failed', 'stopped', 'done']);
    expect(await readFile(out('shaky/trial-0002/error.txt'), 'utf8')).toBe('lost the device\n');
    expect((await readdir(out('shaky/trial-0003'))).sort()).toEqual(['metrics.jsonl', 'params.json', 'result.json']);
    broken = false;
    const second = await search(shaky, { ...inFolder('shaky', true), ...stages });
    expect(second.trials.map(({ status }) => status).slice(0, 4)).toEqual(['done', 'done', 'stopped', 'done']);
    expect(second.spaces).toEqual(first.spaces);
    expect(existsSync(out('shaky/trial-0002/error.txt'))).toBe(false);
  });

  test('a folder that cannot be made is an error', async () => {
    await mkdir(output, { recursive: true });
    await writeFile(out('a-file'), '');
    await expect(search(trial, inFolder('a-file/search'))).rejects.toThrow(/a-file/);
  });
});

describe('trials as processes', () => {
  const script = out('trial.js');
  beforeAll(async () => {
    const contents = `
      import { serveTrial } from './src/search/forked.node.ts';
      import { uniform } from './src/tensor/random.ts';
      await serveTrial(async ({ does }, { report, seed, trial }) => {
        report({ epoch: 0, cost: 1 });
        if (does === 'throws') throw new Error('no such layer');
        if (does === 'crashes') { console.error('first line\\nout of luck'); process.exit(7); }
        if (does === 'diverges') { report({ epoch: 0.1, cost: Number.NaN }); await new Promise((done) => setTimeout(done, 60_000)); }
        if (does === 'waits') await new Promise((done) => setTimeout(done, 60_000));
        const data = Float32Array.from(uniform(2));
        return { score: process.pid, state: { w: { shape: [2], data } } };
      });`;
    await build({
      stdin: { contents, resolveDir: resolve('.'), loader: 'ts' },
      ...{
        outfile: script,
        bundle: true,
        format: 'esm',
        platform: 'node',
        loader: { '.wgsl': 'text' },
        logLevel: 'warning',
      },
    });
  });
  const doing = <const V extends string>(...does: V[]) => ({
    space: { does: choice(...does) },
    strategy: 'grid' as const,
  });

  test('each has its own, keeps its model, and fails or stops alone', async () => {
    const found = await search(forked(script), {
      ...doing('works', 'throws', 'crashes', 'diverges', 'works too'),
      ...{ jobs: 2, store: new SearchFolder(out('forked')) },
    });
    expect(found.trials.map(({ status, reason }) => [status, reason])).toEqual([
      ['done', undefined],
      ['failed', 'no such layer'],
      ['failed', 'its process ended with code 7: out of luck'],
      ['stopped', 'the cost became NaN'],
      ['done', undefined],
    ]);
    const pids = [found.trials[0], found.trials[4]].map(({ score }) => score!);
    expect(new Set([...pids, process.pid]).size).toBe(3);
    const models = [1, 5].map(async (n) => {
      const { checkpoint } = found.trials[n - 1];
      expect(checkpoint).toBe(`model-val${found.trials[n - 1].score}.0000.safetensors`);
      return decodeSafetensors(await readFile(out(`forked/trial-000${n}/${checkpoint}`))).w.data;
    });
    const [first, fifth] = await Promise.all(models);
    // Each began from its own seed.
    expect(first).not.toEqual(fifth);
    expect(await readFile(out('forked/trial-0001/metrics.jsonl'), 'utf8')).toBe('{"epoch":0,"cost":1}\n');
  });

  test('end with the search', async () => {
    const controller = new AbortController();
    const found = await search(forked(script), {
      ...doing('works', 'waits'),
      signal: controller.signal,
      onReport: (trial) => trial === 2 && controller.abort(),
    });
    expect(found).toMatchObject({ complete: false, trials: [{ trial: 1, status: 'done' }] });
  });
});
