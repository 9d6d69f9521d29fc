// Runs of `downhill` that fail: NaN in data or losses, classes without examples, and what such a run leaves.
import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { line, writer } from './cli-inputs.ts';
import { commandIn } from './command.ts';

const { out, downhill } = commandIn('cli-failures');
const cpu = ['--device', 'cpu'];

const write = writer(out);
const bytes = (path: string) => readFile(out(path));

test('NaN in the data of a module is one line, before training', async () => {
  await write('nan.js', line.replace('i % 5, i % 3', 'i === 41 ? NaN : i % 5, i % 3'));
  for (const command of ['train', 'find-lr']) {
    const { code, stderr } = await downhill([command, 'nan.js', ...cpu]);
    expect(stderr).toMatch(/^error: nan\.js: (fit|findLr): example 41: x is NaN at element 0\n$/);
    expect(code).toBe(1);
  }
});

test('NaN in the test data, and a class without examples, are told of before training and leave a run alone', async () => {
  const spoilt = `{ ...part(15), batch: (indices) => ({ ...part(15).batch(indices), x: new Float32Array(2 * indices.length).fill(NaN) }) }`;
  await write('bad-test.js', line.replace('test: part(15)', `test: ${spoilt}`));
  await write('kept/metrics.jsonl', 'what was there before');
  const { code, stderr } = await downhill(['train', 'bad-test.js', ...cpu, '--out', 'kept']);
  expect(stderr).toBe('error: bad-test.js: test: example 0: x is NaN at element 0\n');
  expect(code).toBe(1);
  const classes = `
    import { nn } from 'downhill';
    export const model = new nn.Linear(2, 3);
    export const data = {
      length: 30,
      classes: ['a', 'b', 'c'],
      batch: (indices) => ({
        x: new Float32Array(2 * indices.length), shape: [indices.length, 2], y: Int32Array.from(indices, (i) => 2 * (i % 2)),
      }),
    };`;
  await write('classes.js', classes);
  expect((await downhill(['train', 'classes.js', ...cpu, '--out', 'kept'])).stderr).toBe(
    'error: classes.js: fit: class 1 (b) has no example among 30\n',
  );
  expect(String(await bytes('kept/metrics.jsonl'))).toBe('what was there before');
  expect(await readdir(out('kept'))).toEqual(['metrics.jsonl']);
});

test('a run that diverges leaves a report, and names the rate that it began with', async () => {
  const steep = 'export const optimizer = (parameters) => new optim.SGD(parameters, { lr: 1e200 });';
  await write('steep.js', `${line}${steep}`);
  const { code, stderr, stdout } = await downhill(['train', 'steep.js', ...cpu, '--batch', '20', '--out', 'steep']);
  expect(stderr).toBe('error: the loss became Infinity at step 2: try a --lr below 1e+200\n');
  expect(stdout).toContain('wrote metrics.jsonl and report.html into steep');
  expect(code).toBe(1);
  expect(String(await bytes('steep/report.html'))).toMatch(/<svg/);
  // No rate is to blame for what comes before any update.
  await write('at-once.js', line.replace('.mean()', '.mean().mul(NaN)'));
  const once = await downhill(['train', 'at-once.js', ...cpu, '--out', 'at-once']);
  expect(once.stderr).toMatch(/^error: the loss is NaN at step 1, before any update: .*--anomaly\n$/);
});

test('--anomaly names the op that made a NaN', async () => {
  const odd = line.replace('output.sub(target)', 'output.sub(output).sqrt().mul(0).sub(target)');
  await write('odd.js', odd);
  const { code, stderr } = await downhill(['train', 'odd.js', ...cpu, '--anomaly', '--out', 'odd']);
  expect(stderr).toMatch(/^error: anomaly: .*sqrt.* at \S+\/odd\.js:14\n$/);
  expect(code).toBe(1);
  // Of TypeScript the line of the file itself, not of what it was made into.
  await write('odd.ts', `interface Unused {\n  a: number;\n}\n${odd.replace('(length)', '(length: number)')}`);
  const typed = await downhill(['train', 'odd.ts', ...cpu, '--anomaly', '--out', 'odd-ts']);
  expect(typed.stderr).toMatch(/^error: anomaly: .*sqrt.* at \S+\/odd\.ts:17\n$/);
});
