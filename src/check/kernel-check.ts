// The kernel check: every op on this very device against float64, and the float64 gradients against differences.
import { allOps } from '../autograd/op.ts';
import { cpuDevice } from '../backends/cpu/backend.ts';
import type { Device } from '../tensor/device.ts';
import { DeviceError } from '../tensor/errors.ts';
import { format } from '../tensor/shape.ts';
import type { Case, Planned } from './case.ts';
import { cases as allCases } from './cases/index.ts';
import { Coverage } from './coverage.ts';
import {
  comparisons,
  dataFault,
  type Evaluation,
  evaluate,
  gradcheckCase,
  inputsOf,
  readFault,
  refusalFault,
} from './evaluate.ts';
import type { KernelReport, OpReport } from './report.ts';
import type { HostTensor } from './values.ts';

/** `plans` and `configuration` are for all cases, which then run with no others. Until the check ends the device has them for everybody. */
export interface KernelCheckOptions extends Planned {
  /** Names of the ops to check. Default: all that are defined. */
  ops?: string[];
  /** The cases to run. Default: those of this project, which cover all its ops. */
  cases?: Case[];
  /** Folds grids of workgroups, so that small cases run what else only those with more than 65,535 workgroups would. */
  folds?: boolean;
  /** Whether the reference's own gradients are checked against differences, which no device changes. Default true. */
  differences?: boolean;
  /** Called when an op is done, with how many are. */
  onProgress?: (row: OpReport, done: number, total: number) => void;
}

/** Tolerance of the CPU's gradients against differences, in float64 and where there is no kink. */
const GRADCHECK = 1e-7;
/** Coordinates per input in a check of first and of second derivatives: enough to meet every rule, few enough to be quick. */
const SAMPLES = { first: 24, second: 8 };

/**
 * Runs the cases of every op on `device` and on the float64 reference, and compares outputs and gradients; checks
 * the reference's first and second derivatives against differences; and checks what ops must refuse. An op without
 * a case, an op that its cases do not run, and memory that a case leaves behind are failures of the report, like
 * wrong numbers. Throws a TypeError for the name of an op that does not exist.
 */
export async function kernelCheck(
  device: Device,
  { ops, cases = allCases, plans, configuration, folds, differences = true, onProgress }: KernelCheckOptions = {},
): Promise<KernelReport> {
  const begin = performance.now();
  const known = allOps().map((op) => op.name);
  const unknown = ops?.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new TypeError(`kernelCheck: there is no op named ${unknown}`);
  const names = ops ?? known;
  const coverage = new Coverage(device, { plans, configuration, folds });
  const rows: OpReport[] = [];
  let broken = false;
  try {
    for (const name of names) {
      const row = emptyRow(name);
      const mine = cases.filter((item) => item.op === name);
      coverage.ops.clear();
      if (broken) fail(row, '', 'not run, since the device failed before');
      else if (mine.length === 0) fail(row, '', 'has no case');
      else broken = await checkOp(row, mine, device, { coverage, differences, also: !plans && !configuration });
      const runs =
        allOps().some((op) => op.name === name && 'plan' in op) && mine.some((item) => !refusalOf(item, device));
      if (row.passed && coverage.watching && runs && !coverage.ops.has(name)) fail(row, '', 'no case of it runs it');
      rows.push(row);
      onProgress?.(row, rows.length, names.length);
    }
  } finally {
    coverage.close();
  }
  return {
    adapter: [
      String(device),
      ...(plans ? [`with the plans of ${plans} adapters`] : []),
      ...(configuration ? [`products ${configuration}`] : []),
    ].join(', '),
    device: device.info,
    passed: rows.every((row) => row.passed),
    seconds: (performance.now() - begin) / 1000,
    ops: rows,
    shaders: coverage.shaders(),
  };
}

const emptyRow = (op: string): OpReport => ({
  op,
  cases: 0,
  refused: 0,
  shapes: [],
  forwardError: null,
  gradientError: null,
  gradcheckError: null,
  forwardUlp: null,
  failures: [],
  passed: true,
});

function fail(row: OpReport, title: string, detail: string): void {
  row.failures.push({ title, detail });
  row.passed = false;
}

/**
 * Runs all cases of an op. The device has its work before the CPU begins with the reference. Returns whether the device
 * is broken, as after a shader that it refused: from then on every reading rejects with the same error.
 */
async function checkOp(
  row: OpReport,
  cases: Case[],
  device: Device,
  { coverage, differences, also }: { coverage: Coverage; differences: boolean; also: boolean },
): Promise<boolean> {
  const cpu = cpuDevice();
  const underWay = cases.map((item) => {
    const refuses = refusalOf(item, device);
    const inputs = inputsOf(item);
    const shapes = inputs.map(({ shape }) => format(shape)).join('');
    if (!row.shapes.includes(shapes)) row.shapes.push(shapes);
    row.cases++;
    if (refuses && !item.refuses) row.refused++;
    const run = () => attempt(() => evaluate(item, item.run, inputs, device));
    const actual = refuses || item.faults ? null : run();
    const others = actual && also && coverage.watching ? (item.also ?? []) : [];
    return {
      item,
      inputs,
      refuses,
      actual,
      more: others.map((planned) => ({ planned, actual: coverage.with(planned, run) })),
    };
  });
  for (const { item, inputs, refuses, actual, more } of underWay) {
    try {
      if (!actual) {
        const fault = refuses ? refusalFault(item, device, refuses) : await dataFault(item, device);
        if (fault) fail(row, item.title, fault);
        continue;
      }
      const expected = await evaluate(item, item.reference ?? item.run, inputs, cpu);
      if (differences && (item.gradients ?? 'check') === 'check') checkDerivatives(row, item, inputs);
      compareCase(row, item, await actual, expected);
      for (const { planned, actual } of more) {
        const title = [item.title, ...Object.values(planned)].join(', ');
        compareCase(row, { ...item, title }, await actual, expected);
      }
    } catch (error) {
      fail(row, item.title, (error as Error).message);
      if (error instanceof DeviceError && (await readFault(device))) return true;
    }
  }
  return false;
}

/** The words with which a device must refuse a case; null where it must do it. */
export function refusalOf({ refuses, needs }: Case, { kind, info }: Device): RegExp | null {
  if (refuses) return refuses;
  return needs && kind === 'webgpu' && !info.features?.includes(needs) ? new RegExp(needs) : null;
}

/** Makes a promise of what `work` throws at once, too; its rejection may wait until somebody asks. */
function attempt<T>(work: () => Promise<T>): Promise<T> {
  const promise = (async () => work())();
  promise.catch(() => {});
  return promise;
}

const worse = (a: number | null, b: number) => Math.max(a ?? 0, b);

function checkDerivatives(row: OpReport, item: Case, inputs: HostTensor[]): void {
  for (const [order, report] of Object.entries(gradcheckCase(item, inputs, GRADCHECK, SAMPLES))) {
    for (const input of report.inputs) row.gradcheckError = worse(row.gradcheckError, input.error);
    // What lies on a kink is not compared, and what is all roundoff is excused, so inputs that do either prove nothing.
    const nothing = report.inputs.some(
      ({ kinks, unproven, checked }) => kinks.length > 0 || (checked > 0 && unproven.length === checked),
    );
    if (!report.passed || nothing) fail(row, item.title, `${order} derivative on the CPU: ${report}`);
  }
}

function compareCase(row: OpReport, item: Case, actual: Evaluation, expected: Evaluation): void {
  for (const { part, error, ulp, fault } of comparisons(item, actual, expected)) {
    const column = part === 'forward' ? 'forwardError' : 'gradientError';
    row[column] = worse(row[column], error);
    if (ulp !== null) row.forwardUlp = worse(row.forwardUlp, ulp);
    if (fault !== null) fail(row, item.title, fault);
  }
}
