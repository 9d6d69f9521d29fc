// What gradcheck found: verdicts in the words of the CS231n notes, warnings, and the report in lines of text.
import { format, type Shape } from '../tensor/shape.ts';
import type { Coordinate } from './differences.ts';

/**
 * What a relative error means, after the notes: up to 1e-7 be happy; up to 1e-4 is fine where there are kinks, and too
 * much where there are none; up to 1e-2 should make you uncomfortable; above, the gradient is probably wrong.
 */
export type Verdict = 'happy' | 'fine with kinks' | 'uncomfortable' | 'wrong';

export function verdictOf(error: number): Verdict {
  if (error <= 1e-7) return 'happy';
  if (error <= 1e-4) return 'fine with kinks';
  return error <= 1e-2 ? 'uncomfortable' : 'wrong';
}

/** The worst error of an input at one step of a sweep, with roundoff left in: that is what grows as steps get small. */
export interface SweepPoint {
  step: number;
  error: number;
  /** Coordinates left out, since the step went over a kink. */
  kinks: number;
}

/** One input, and one part of the function where it has several. */
export interface InputReport {
  /** Position among the arguments of the function. */
  index: number;
  /** The parameter's name, or `input 0`. */
  name: string;
  /** The part of the function, such as `regularization`; null where it is one. */
  part: string | null;
  shape: Shape;
  /** Coordinates compared; those on kinks are not. */
  checked: number;
  /** Largest relative error of a coordinate that lies on no kink. */
  error: number;
  /** The coordinate of that error; null where none was compared. */
  worst: Coordinate | null;
  verdict: Verdict;
  passed: boolean;
  /** All coordinates that were looked at, with raw values. */
  coordinates: Coordinate[];
  /** Those whose winners change between x + h and x - h. */
  kinks: Coordinate[];
  /** The error by step, where it was asked for. */
  sweep: SweepPoint[];
}

export interface GradcheckReport {
  passed: boolean;
  step: number;
  tolerance: number;
  inputs: InputReport[];
  /** What makes the result doubtful, and what to do about it. */
  warnings: string[];
  /** The report in lines of text; `verbose` lists every coordinate. */
  toString(verbose?: boolean): string;
}

/** Below this size a gradient drowns in the roundoff of differences. */
const TINY = 1e-10;

export function inputReport(
  input: Pick<InputReport, 'index' | 'name' | 'part' | 'shape'>,
  coordinates: Coordinate[],
  sweep: SweepPoint[],
  tolerance: number,
): InputReport {
  const compared = coordinates.filter(({ kink }) => !kink);
  const worst = compared.reduce<Coordinate | null>((a, b) => (a && !(b.error > a.error) ? a : b), null);
  const error = worst?.error ?? 0;
  return {
    ...input,
    checked: compared.length,
    error,
    worst,
    verdict: verdictOf(error),
    passed: error <= tolerance,
    coordinates,
    kinks: coordinates.filter(({ kink }) => kink),
    sweep,
  };
}

const titleOf = ({ name, part }: InputReport) => (part === null ? name : `${part}, ${name}`);

function warningsOf(input: InputReport): string[] {
  const title = titleOf(input);
  const sizes = input.coordinates.map(({ analytic, numeric }) => Math.max(Math.abs(analytic), Math.abs(numeric)));
  const tiny = sizes.filter((size) => size > 0 && size < TINY);
  const warnings: string[] = [];
  if (tiny.length > 0) {
    warnings.push(
      `${title}: ${tiny.length} of ${sizes.length} gradients are below 1e-10, the smallest ${Math.min(...tiny).toExponential(1)}, ` +
        'where differences are roundoff; multiply the loss by a number that brings them near 1, and check again',
    );
  }
  if (input.kinks.length * 2 > input.coordinates.length) {
    warnings.push(
      `${title}: ${input.kinks.length} of ${input.coordinates.length} coordinates lie on kinks and were not compared; ` +
        'take a smaller step, or inputs away from the kinks',
    );
  }
  return warnings;
}

const line = ({ at, analytic, numeric, error, kink }: Coordinate) =>
  `[${at}]: analytic ${analytic}, numeric ${numeric}, ${kink ? 'kink' : `error ${error.toExponential(1)}`}`;

function inputLines(input: InputReport, verbose: boolean): string[] {
  const { shape, checked, error, worst, verdict, passed, coordinates, kinks, sweep } = input;
  const head = `  ${passed ? 'ok  ' : 'FAIL'} ${titleOf(input)} ${format(shape)}: ${checked} checked, worst ${error.toExponential(1)} (${verdict})`;
  const place = worst ? ` at [${worst.at}]: analytic ${worst.analytic}, numeric ${worst.numeric}` : '';
  const lines = [head + place];
  if (verbose) lines.push(...coordinates.map((c) => `         ${line(c)}`));
  else if (kinks.length > 0) {
    const shown = kinks.slice(0, 3).map(({ at }) => `[${at}]`);
    lines.push(`         kinks, not compared: ${kinks.length}, at ${shown.join(' ')}${kinks.length > 3 ? ' ...' : ''}`);
  }
  for (const { step, error, kinks } of sweep) {
    const bar = '#'.repeat(Math.max(0, Math.min(16, Math.round(16 + Math.log10(error || 1e-16)))));
    const left = kinks > 0 ? `, ${kinks} on kinks` : '';
    lines.push(`         h ${step.toExponential(0)}: ${error.toExponential(1)} ${bar}${left}`);
  }
  return lines;
}

export function gradcheckReport(inputs: InputReport[], step: number, tolerance: number): GradcheckReport {
  const passed = inputs.every((input) => input.passed);
  const warnings = inputs.flatMap(warningsOf);
  const toString = (verbose = false) =>
    [
      `gradcheck ${passed ? 'passed' : 'FAILED'}, tolerance ${tolerance}, step ${step}`,
      ...inputs.flatMap((input) => inputLines(input, verbose)),
      ...warnings.map((warning) => `  warning: ${warning}`),
    ].join('\n');
  return { passed, step, tolerance, inputs, warnings, toString };
}
