// What optimizers check of their hyperparameters.

/** Throws a RangeError unless low <= value < high for every value. */
export function checkRange(owner: string, values: Record<string, number>, low: number, high: number): void {
  for (const [name, value] of Object.entries(values)) {
    if (!(value >= low && value < high)) {
      throw new RangeError(`${owner}: expected ${name} of at least ${low} and below ${high}, got ${value}`);
    }
  }
}
