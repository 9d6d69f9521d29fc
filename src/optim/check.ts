// What optimizers and schedules check of what they are given.

/** Throws a RangeError unless low <= value < high for every value. */
export function checkRange(owner: string, values: Record<string, number>, low: number, high: number): void {
  for (const [name, value] of Object.entries(values)) {
    if (!(value >= low && value < high)) {
      throw new RangeError(`${owner}: expected ${name} of at least ${low} and below ${high}, got ${value}`);
    }
  }
}

/** Throws a RangeError unless every value is a whole number of at least `least`. */
export function checkWhole(owner: string, values: Record<string, number>, least: number): void {
  for (const [name, value] of Object.entries(values)) {
    if (!(Number.isSafeInteger(value) && value >= least)) {
      throw new RangeError(`${owner}: expected ${name} to be a whole number of at least ${least}, got ${value}`);
    }
  }
}

/** A list as named values for the checks above: milestones[0], milestones[1], ... */
export const itemsOf = (name: string, values: readonly number[]): Record<string, number> =>
  Object.fromEntries(values.map((value, i) => [`${name}[${i}]`, value]));

/** The defaults with all options in their place that are given. Throws a TypeError for an option that there is not. */
export function withDefaults<H extends object>(owner: string, defaults: H, options: Partial<H>): H {
  const result = { ...defaults };
  for (const key of Object.keys(options) as (keyof H & string)[]) {
    if (!(key in defaults)) {
      throw new TypeError(`${owner}: there is no option ${key}, expected ${Object.keys(defaults).join(', ')}`);
    }
    if (options[key] !== undefined) result[key] = options[key];
  }
  return result;
}
