// What `downhill search` can search over, and how its ranges are written: `1e-6:10:log`, `0,0.25,0.5`.
import { choice, type Interval, logUniform, type Range, type Space, uniform, type Value } from '../search/space.ts';
import { UserError } from './errors.ts';
import { decimalOf, flagOf } from './options.ts';
import { COMMON, checkMomentum, LEARNING_RATES } from './recipe.ts';
import type { Values } from './user-module.ts';

interface Tunable {
  /** What its values are, in words. */
  wanted: string;
  /** The value that a text stands for, undefined where it is none. */
  read(text: string): Value | undefined;
  /** Whether a range may be drawn from, beside a list. */
  ranges: boolean;
}

const number = (wanted: string, fits: (value: number) => boolean, ranges = true): Tunable => ({
  wanted,
  ranges,
  read(text) {
    const value = decimalOf(text);
    return Number.isFinite(value) && fits(value) ? value : undefined;
  },
});
const words = (values: Record<string, Value>): Tunable => ({
  wanted: Object.keys(values).join(' or '),
  ranges: false,
  read: (text) => (Object.hasOwn(values, text) ? values[text] : undefined),
});

const isCount = (value: number) => Number.isSafeInteger(value) && value >= 1;

/** The hyperparameters by name, as the flags of `downhill train` have them too. */
export const TUNABLES: Record<string, Tunable> = {
  lr: number('numbers above 0', (value) => value > 0),
  weightDecay: number('numbers of at least 0', (value) => value >= 0),
  dropout: number('numbers of at least 0 and below 1', (value) => value >= 0 && value < 1),
  momentum: number('numbers of at least 0 and below 1', (value) => value >= 0 && value < 1),
  batch: number('whole numbers of at least 1', isCount, false),
  width: number('whole numbers of at least 1', isCount, false),
  optimizer: words(Object.fromEntries(Object.keys(LEARNING_RATES).map((name) => [name, name]))),
  batchNorm: words({ true: true, false: false }),
};

/** A hyperparameter of a user's module: numbers, true, false, or words. */
const OWN: Tunable = {
  wanted: 'values',
  ranges: true,
  read(text) {
    if (text === 'true' || text === 'false') return text === 'true';
    return number('', () => true).read(text) ?? (text || undefined);
  },
};

/** A range as written for a hyperparameter; `low:high` is drawn from on the scale that is given. Throws a UserError. */
export function rangeOf(flag: string, name: string, text: string, scale: Interval['kind'] = 'uniform'): Range {
  const { wanted, read, ranges } = Object.hasOwn(TUNABLES, name) ? TUNABLES[name] : OWN;
  const wrong = (why: string) => new UserError(`${flag}: ${why}`);
  const value = (part: string): Value => {
    const found = read(part.trim());
    if (found === undefined) throw wrong(`expected ${wanted} for ${name}, got ${part.trim() || 'nothing'}`);
    return found;
  };
  try {
    if (!text.includes(':')) return choice(...text.split(',').map(value));
    const [low, high, kind = scale === 'logUniform' ? 'log' : 'linear', ...rest] = text.split(':');
    if (!ranges) throw wrong(`expected a list such as a,b,c for ${name}, got ${text}`);
    if (rest.length > 0 || !['log', 'linear'].includes(kind)) {
      throw wrong(`expected low:high, low:high:log or low:high:linear, got ${text}`);
    }
    const [min, max] = [value(low), value(high)] as number[];
    return kind === 'log' ? logUniform(min, max) : uniform(min, max);
  } catch (error) {
    throw error instanceof UserError ? error : wrong((error as Error).message);
  }
}

function partsOf(param: string, expected: string): { flag: string; name: string; text: string } {
  const at = param.indexOf('=');
  const flag = `--param ${param}`;
  if (at < 1) throw new UserError(`${flag}: expected ${expected}`);
  return { flag, name: param.slice(0, at), text: param.slice(at + 1) };
}

/** The values of all `--param name=value` of a module of the user's. Throws a UserError that names the flag. */
export function valuesOf(params: readonly string[]): Values {
  const values: Record<string, Value> = {};
  for (const param of params) {
    const { flag, name, text } = partsOf(param, 'name=value, such as hidden=32');
    if (COMMON.includes(name)) throw new UserError(`${flag}: it has a flag of its own, ${flagOf(name)}`);
    if (Object.hasOwn(values, name)) throw new UserError(`${flag}: ${name} comes twice`);
    const value = OWN.read(text);
    if (value === undefined) throw new UserError(`${flag}: expected a value for ${name}, got nothing`);
    values[name] = value;
  }
  return values;
}

/**
 * The space of `--lr` and all `--param`. For a module of the user's any name will do, and `optimizer` is undefined where it
 * has its own. Throws a UserError that names the flag.
 */
export function spaceOf(lr: string, params: readonly string[], optimizer?: string, own = false): Space {
  const space: Record<string, Range> = {};
  for (const param of params) {
    const { flag, name, text } = partsOf(param, 'name=values, such as dropout=0,0.25,0.5');
    if (name === 'lr') throw new UserError(`${flag}: the learning rate has a flag of its own, --lr`);
    if (!own && !Object.hasOwn(TUNABLES, name)) {
      throw new UserError(`${flag}: there is no hyperparameter ${name}; there are ${Object.keys(TUNABLES).join(', ')}`);
    }
    if (Object.hasOwn(space, name)) throw new UserError(`${flag}: ${name} comes twice`);
    space[name] = rangeOf(flag, name, text);
  }
  const optimizers = space.optimizer?.kind === 'choice' ? space.optimizer.values : [optimizer];
  if (space.momentum && !own) checkMomentum('--param momentum', optimizers);
  return { lr: rangeOf(`--lr ${lr}`, 'lr', lr, 'logUniform'), ...space };
}
