// Options that commands share, and the readers of their values.
import { InvalidArgumentError, Option } from 'commander';

export const adapterOption = () =>
  new Option(
    '--adapter <kind>',
    'which WebGPU adapter to use (default: hardware, else lavapipe, else SwiftShader)',
  ).choices(['hardware', 'software', 'lavapipe', 'swiftshader']);

const decimal = /^\+?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

function numberIn(text: string, wanted: string, fits: (value: number) => boolean): number {
  const value = decimal.test(text) ? Number(text) : Number.NaN;
  if (!fits(value)) throw new InvalidArgumentError(`Expected ${wanted}.`);
  return value;
}

/** A whole number of at least `least`. */
export const wholeFrom = (least: number) => (text: string) =>
  numberIn(text, `a whole number of at least ${least}`, (value) => Number.isSafeInteger(value) && value >= least);

export const positive = (text: string) =>
  numberIn(text, 'a number above 0', (value) => value > 0 && Number.isFinite(value));

export const probability = (text: string) =>
  numberIn(text, 'a number of at least 0 and below 1', (value) => value >= 0 && value < 1);
