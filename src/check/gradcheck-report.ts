// What gradcheck found: verdicts in the words of the CS231n notes, warnings, and the report in lines of text.
import { format, type Shape } from '../tensor/shape.ts';
import type { Coordinate } from './differences.ts';

/**
 * What a relative error means, after the notes: up to 1e-7 be happy; up to 1e-4 is fine where there are kinks, and too
 * much where there are none; up to 1e-2 should make you uncomfortable; above, the gradient is probably wrong. An input
 * that fails by less than the notes object to is 'above tolerance'. 'unproven' is what passes without proof: a
 * coordinate that differs by more than 1e-4, all of which roundoff may have made, or no coordinate compared at all.
 */
export type Verdict = 'happy' | 'fine with kinks' | 'uncomfortable' | 'wrong' | 'above tolerance' | 'unproven';

/** The largest error that the notes call happy, and fine with kinks. */
const [HAPPY, FINE] = [1e-7, 1e-4];

export function verdictOf(error: number): Verdict {
  if (error <= HAPPY) return 'happy';
  if (error <= FINE) return 'fine with kinks';
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
  /** Largest relative error of a coordinate that lies on no kink, less what roundoff explains. */
  error: number;
  /** The coordinate of that error, or where the input passes that of the largest raw error; null where none was compared. */
  worst: Coordinate | null;
  verdict: Verdict;
  passed: boolean;
  /** All coordinates that were looked at, with raw values. */
  coordinates: Coordinate[];
  /** Those whose winners change between x + h and x - h. */
  kinks: Coordinate[];
  /** Those that pass only since roundoff may explain their difference, which is above 1e-4: a wrong gradient would, too. */
  unproven: Coordinate[];
  /** The error by step, where it was asked for. */
  sweep: SweepPoint[];
}

export interface GradcheckReport {
  passed: boolean;
  step: number;
  tolerance: number;
  inputs: InputReport[];
  /** How many coordinates are unproven, and how many lie on kinks and were not compared. */
  unproven: number;
  kinks: number;
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
  const largest = (key: 'error' | 'raw') =>
    compared.reduce<Coordinate | null>((a, b) => (a && !(b[key] > a[key]) ? a : b), null);
  const error = largest('error')?.error ?? 0;
  const passed = error <= tolerance;
  const unproven = compared.filter((c) => c.error <= tolerance && c.raw > Math.max(tolerance, FINE));
  const worst = largest(passed ? 'raw' : 'error');
  const judge = (): Verdict => {
    if (!passed) return error <= FINE ? 'above tolerance' : verdictOf(error);
    const nothing = compared.length === 0 && coordinates.length > 0;
    return unproven.length > 0 || nothing ? 'unproven' : verdictOf(worst?.raw ?? 0);
  };
  return {
    ...input,
    checked: compared.length,
    error,
    worst,
    verdict: judge(),
    passed,
    coordinates,
    kinks: coordinates.filter(({ kink }) => kink),
    unproven,
    sweep,
  };
}

const titleOf = ({ name, part }: InputReport) => (part === null ? name : `${part}, ${name}`);

const short = (x: number) => x.toExponential(1);

function warningsOf(input: InputReport, tolerance: number): string[] {
  const { coordinates, kinks, unproven, error, verdict } = input;
  const warnings: string[] = [];
  if (verdict === 'above tolerance') {
    warnings.push(
      `error ${short(error)} is above the tolerance ${tolerance}; up to 1e-4 is fine only where there are kinks, and ` +
        'those are left out here; see with `sweep: true` whether another step brings it down, or give a larger tolerance',
    );
  }
  if (unproven.length > 0) {
    const { at, raw, analytic, numeric, noise } = unproven.reduce((a, b) => (b.raw > a.raw ? b : a));
    warnings.push(
      `${unproven.length} of ${coordinates.length} coordinates are unproven, the worst at [${at}] with error ${short(raw)}: ` +
        `analytic ${analytic} and numeric ${numeric} differ by less than roundoff of outputs of this size can make, ` +
        `${short(noise)}, and so might a wrong gradient; take constants and large parts out of the loss, or a larger step`,
    );
  }
  const size = ({ analytic, numeric }: Coordinate) => Math.max(Math.abs(analytic), Math.abs(numeric));
  const tiny = coordinates.filter((c) => size(c) > 0 && size(c) < TINY && !unproven.includes(c));
  if (tiny.length > 0) {
    warnings.push(
      `${tiny.length} of ${coordinates.length} gradients are below 1e-10, the smallest ${short(Math.min(...tiny.map(size)))}, ` +
        'where differences are roundoff; multiply the loss by a number that brings them near 1, and check again',
    );
  }
  if (kinks.length * 2 > coordinates.length) {
    warnings.push(
      `${kinks.length} of ${coordinates.length} coordinates lie on kinks and were not compared` +
        `${kinks.length === coordinates.length ? ', which proves nothing' : ''}; ` +
        'take a smaller step, or inputs away from the kinks',
    );
  }
  return warnings.map((warning) => `${titleOf(input)}: ${warning}`);
}

const line = ({ at, analytic, numeric, raw, kink }: Coordinate) =>
  `[${at}]: analytic ${analytic}, numeric ${numeric}, ${kink ? 'kink' : `error ${short(raw)}`}`;

function inputLines(input: InputReport, tolerance: number, verbose: boolean): string[] {
  const { shape, checked, worst, verdict, passed, coordinates, kinks, sweep } = input;
  const mark = !passed ? 'FAIL' : verdict === 'unproven' ? '?   ' : 'ok  ';
  // That the raw error is above the tolerance, and roundoff let it pass, is said with it.
  const excused = worst && passed && worst.raw > tolerance && verdict !== 'unproven' ? ', may be roundoff' : '';
  const head = `  ${mark} ${titleOf(input)} ${format(shape)}: ${checked} checked`;
  const place = worst
    ? `, worst ${short(worst.raw)} (${verdict}${excused}) at [${worst.at}]: analytic ${worst.analytic}, numeric ${worst.numeric}`
    : ` (${verdict})`;
  const lines = [head + place];
  if (verbose) lines.push(...coordinates.map((c) => `         ${line(c)}`));
  else if (kinks.length > 0) {
    const shown = kinks.slice(0, 3).map(({ at }) => `[${at}]`);
    lines.push(`         kinks, not compared: ${kinks.length}, at ${shown.join(' ')}${kinks.length > 3 ? ' ...' : ''}`);
  }
  for (const { step, error, kinks } of sweep) {
    const bar = '#'.repeat(Math.max(0, Math.min(16, Math.round(16 + Math.log10(error || 1e-16)))));
    const left = kinks > 0 ? `, ${kinks} on kinks` : '';
    lines.push(`         h ${step.toExponential(0)}: ${short(error)} ${bar}${left}`);
  }
  return lines;
}

export function gradcheckReport(inputs: InputReport[], step: number, tolerance: number): GradcheckReport {
  const passed = inputs.every((input) => input.passed);
  const [unproven, kinks] = (['unproven', 'kinks'] as const).map((k) => inputs.reduce((n, x) => n + x[k].length, 0));
  const warnings = inputs.flatMap((input) => warningsOf(input, tolerance));
  const doubtful = inputs.filter(({ verdict }) => verdict === 'unproven').map(titleOf);
  const toString = (verbose = false) =>
    [
      `gradcheck ${passed ? 'passed' : 'FAILED'}, tolerance ${tolerance}, step ${step}` +
        `${doubtful.length > 0 ? `, but unproven: ${doubtful.join('; ')}` : ''}`,
      ...inputs.flatMap((input) => inputLines(input, tolerance, verbose)),
      ...warnings.map((warning) => `  warning: ${warning}`),
    ].join('\n');
  return { passed, step, tolerance, inputs, unproven, kinks, warnings, toString };
}
