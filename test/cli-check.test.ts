// Runs `downhill check` as a user does: its table, its JSON, what both say of the device, and its exit code where a kernel is wrong.
import { readFile, writeFile } from 'node:fs/promises';
import { init } from 'downhill';
import { formatReport, type KernelReport } from 'downhill/check';
import { beforeAll, describe, expect, test } from 'vitest';
import { commandIn } from './command.ts';

const { out, downhill } = commandIn('check');

const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupsPerDimension',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxStorageBuffersPerShaderStage',
];

describe('where all is well', () => {
  test('a table, driver, features and limits, and exit code 0', async () => {
    const { code, lines, stderr } = await downhill(['check', '--op', 'relu', 'add']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const device = await init();
    const { info } = device;
    device.destroy();
    expect(Object.keys(info.limits!)).toEqual(LIMITS);
    expect(lines.slice(0, 4)).toEqual([
      `kernel check on ${device}`,
      `device ${[info.vendor, info.architecture, info.device].filter(Boolean).join(', ')}; driver ${info.driver}`,
      `features ${info.features!.join(', ')}`,
      `limits ${LIMITS.map((name) => `${name} ${info.limits![name]}`).join(', ')}`,
    ]);
    expect(lines[4]).toMatch(/^op +shapes tried +forward +ulp +gradient +gradcheck +verdict$/);
    expect(lines[5]).toMatch(/^relu .* ok$/);
    expect(lines.at(-1)).toMatch(/^2 ops, \d+ cases, .*: all ok$/);
  });

  test('the same as JSON', async () => {
    const { code, stdout } = await downhill(['check', '--op', 'relu', '--json']);
    expect(code).toBe(0);
    const device = await init();
    device.destroy();
    expect(JSON.parse(stdout)).toMatchObject({
      adapter: String(device),
      device: device.info,
      passed: true,
      ops: [{ op: 'relu', passed: true, failures: [] }],
    });
  });
});

describe('where a kernel is wrong', () => {
  /** The build in this folder with a relu that lets a little through, on GPUs alone. */
  beforeAll(async () => {
    const file = out('dist/ops/rectifier.js');
    const text = await readFile(file, 'utf8');
    const wrong = text.replace('select(x, 0.0, x <= 0.0)', 'select(x, 0.125, x <= 0.0)');
    expect(wrong).not.toBe(text);
    await writeFile(file, wrong);
  });

  test('the table says so, and the exit code is 1', async () => {
    const { code, lines } = await downhill(['check', '--op', 'relu', 'add']);
    expect(code).toBe(1);
    const row = lines.findIndex((line) => /^relu .* FAILED$/.test(line));
    expect(lines[row + 1]).toMatch(/^ {4}\S.*: output 0, error \S+ > /);
    expect(lines.some((line) => /^add .* ok$/.test(line))).toBe(true);
    expect(lines.at(-1)).toMatch(/: 1 FAILED$/);
  });

  test('so does the JSON', async () => {
    const { code, stdout } = await downhill(['check', '--op', 'relu', '--json']);
    expect(code).toBe(1);
    const report: KernelReport = JSON.parse(stdout);
    expect(report.passed).toBe(false);
    expect(report.ops[0].passed).toBe(false);
    expect(report.ops[0].failures.length).toBeGreaterThan(0);
  });
});

test('what a platform does not tell of its device is said in words; the CPU has no such lines', () => {
  const empty = { adapter: 'a', passed: true, seconds: 0, ops: [], shaders: [] };
  const linesOf = (device: KernelReport['device']) =>
    formatReport({ ...empty, device })
      .split('\n')
      .slice(1, -2);
  const webgpu = { kind: 'webgpu', adapter: 'a', software: false, vendor: 'v', architecture: '', device: 'd' } as const;
  expect(linesOf({ ...webgpu, driver: '', features: [], limits: { maxBufferSize: 4 } })).toEqual([
    'device v, d; driver not told',
    'features none',
    'limits maxBufferSize 4',
  ]);
  expect(linesOf({ kind: 'cpu', adapter: 'CPU, float64', software: true })).toEqual([]);
});
