// Checks of what layers are made with, before any parameter is.
import { ShapeError } from '../tensor/errors.ts';

/** Throws a ShapeError for the first that is not a whole number of at least `least`. */
export function checkWhole(layer: string, values: Record<string, unknown>, least = 1): void {
  for (const [name, value] of Object.entries(values)) {
    if (!Number.isInteger(value) || (value as number) < least) {
      throw new ShapeError(`${layer}: expected ${name} as a whole number of at least ${least}, got ${value}`);
    }
  }
}

/** Throws a ShapeError unless `divisor`, a whole number, divides the others. */
export function checkDivides(layer: string, name: string, divisor: number, values: Record<string, number>): void {
  checkWhole(layer, { [name]: divisor, ...values });
  for (const [other, value] of Object.entries(values)) {
    if (value % divisor !== 0) {
      throw new ShapeError(`${layer}: expected ${name} that divide ${other}, got ${divisor} and ${value}`);
    }
  }
}

/** Throws a ShapeError unless p is a probability. */
export function checkProbability(layer: string, p: number): void {
  if (!(p >= 0 && p <= 1)) throw new ShapeError(`${layer}: expected a probability from 0 to 1, got ${p}`);
}

/** Throws a ShapeError unless eps is a number of at least 0. */
export function checkEps(layer: string, eps: number): void {
  if (!(eps >= 0)) throw new ShapeError(`${layer}: expected eps of at least 0, got ${eps}`);
}
