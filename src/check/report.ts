// What the kernel check found, as data and as a table of text.
import type { DeviceInfo } from '../tensor/device.ts';

export interface Failure {
  /** Title of the case; empty where the failure is about the op as a whole. */
  title: string;
  detail: string;
}

export interface OpReport {
  op: string;
  cases: number;
  /** Cases that need a feature which the adapter lacks: they were refused by its name, as they must be. */
  refused: number;
  /** Input shapes of the cases, as text, each once. */
  shapes: string[];
  /** Worst max |gpu - cpu| / max |cpu| of an output, of a gradient; null where none was compared. */
  forwardError: number | null;
  gradientError: number | null;
  /** Worst |gpu - cpu| of an element of an output, in units of float32's last place; null where none was compared. */
  forwardUlp: number | null;
  /** Worst relative error of the CPU's first and second derivatives against differences; null where none was taken. */
  gradcheckError: number | null;
  failures: Failure[];
  passed: boolean;
}

/** A shader file that ran, and how many variants of it: one for each preamble. */
export interface ShaderReport {
  file: string;
  variants: number;
}

export interface KernelReport {
  /** What was checked, in words. */
  adapter: string;
  /** The same in detail: driver, features, limits. */
  device: DeviceInfo;
  passed: boolean;
  seconds: number;
  ops: OpReport[];
  /** Sorted by file. Empty on a CPU device. */
  shaders: ShaderReport[];
}

const SHAPES_WIDTH = 40;

/** A relative error; '-' where none was compared. */
export const errorText = (error: number | null): string =>
  error === null ? '-' : error === 0 ? '0' : Number.isFinite(error) ? error.toExponential(1) : 'wrong';

/** Units of the last place: of a value that is small beside its neighbours they may be many. */
export const ulpText = (ulp: number | null): string =>
  ulp === null ? '-' : ulp < 100 ? String(Number(ulp.toFixed(1))) : ulp.toExponential(0);

/** Driver, features and limits of a device, in lines. */
function deviceLines({ kind, vendor, architecture, device, driver, features = [], limits = {} }: DeviceInfo): string[] {
  if (kind === 'cpu') return [];
  const entry = ([name, value]: [string, number]) => `${name} ${value}`;
  return [
    `device ${[vendor, architecture, device].filter(Boolean).join(', ')}; driver ${driver || 'not told'}`,
    `features ${features.join(', ') || 'none'}`,
    `limits ${Object.entries(limits).map(entry).join(', ')}`,
  ];
}

/** A failure in words: the case, if it is about one, and what is wrong. */
export const failureText = ({ title, detail }: Failure): string => [title, detail].filter(Boolean).join(': ');

/** As many shapes as fit, and how many more there are. */
function shapeList(shapes: string[]): string {
  let text = shapes[0] ?? '';
  let shown = Math.min(1, shapes.length);
  while (shown < shapes.length && text.length + shapes[shown].length < SHAPES_WIDTH) text += ` ${shapes[shown++]}`;
  return shown < shapes.length ? `${text} +${shapes.length - shown}` : text;
}

/** The report as a table: a line per op, the failures below it, and what ran at the end. */
export function formatReport(report: KernelReport): string {
  const head = ['op', 'shapes tried', 'forward', 'ulp', 'gradient', 'gradcheck', 'verdict'];
  const rows = report.ops.map((op) => [
    op.op,
    shapeList(op.shapes),
    errorText(op.forwardError),
    ulpText(op.forwardUlp),
    errorText(op.gradientError),
    errorText(op.gradcheckError),
    op.passed ? 'ok' : 'FAILED',
  ]);
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  const line = (cells: string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i]))
      .join('  ')
      .trimEnd();
  const table = rows.flatMap((row, i) => [
    line(row),
    ...report.ops[i].failures.map((failure) => `    ${failureText(failure).replaceAll('\n', '\n    ')}`),
  ]);
  const without = report.ops.reduce((n, op) => n + op.refused, 0);
  const refused = without > 0 ? `, ${without} of them refused for a feature that this adapter lacks` : '';
  const failed = report.ops.filter((op) => !op.passed).length;
  const cases = report.ops.reduce((n, op) => n + op.cases, 0);
  const variants = report.shaders.reduce((n, shader) => n + shader.variants, 0);
  return [
    `kernel check on ${report.adapter}`,
    ...deviceLines(report.device),
    line(head),
    ...table,
    `${report.ops.length} ops, ${cases} cases${refused}, ${report.shaders.length} shaders in ${variants} variants, ${report.seconds.toFixed(1)} s: ` +
      (failed === 0 ? 'all ok' : `${failed} FAILED`),
  ].join('\n');
}
