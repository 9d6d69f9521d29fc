// How the commands train: learning rates, optimizers, and how pictures are changed at random.
import * as augment from '../data/augment.ts';
import { Adam, AdamW, type Optimizer, RMSprop, SGD } from '../optim/index.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ImageInput } from './datasets.ts';
import { UserError } from './errors.ts';

/** Learning rates that suit the built-in models at batch 64, by optimizer. */
export const LEARNING_RATES = { adam: 0.003, adamw: 0.003, rmsprop: 0.001, sgd: 0.05 };

export type OptimizerName = keyof typeof LEARNING_RATES;

export interface OptimizerSettings {
  lr?: number;
  weightDecay?: number;
  /** Of SGD alone. Default 0.9. */
  momentum?: number;
}

export function optimizerOf(
  name: OptimizerName,
  parameters: Iterable<Tensor>,
  { lr = LEARNING_RATES[name], weightDecay, momentum = 0.9 }: OptimizerSettings = {},
): Optimizer {
  if (name === 'adam') return new Adam(parameters, { lr, weightDecay });
  if (name === 'adamw') return new AdamW(parameters, { lr, weightDecay });
  if (name === 'rmsprop') return new RMSprop(parameters, { lr, weightDecay });
  return new SGD(parameters, { lr, momentum, weightDecay });
}

/** Throws a UserError where momentum is asked for of built-in optimizers of which none has it. */
export function checkMomentum(flag: string, optimizers: readonly unknown[]): void {
  const names = optimizers.map((name) => name ?? 'adam');
  if (names.includes('sgd')) return;
  throw new UserError(`${flag}: it is of sgd alone, and the optimizer is ${names.join(' or ')}`);
}

/** What the commands make of a search's values themselves, also where a module of the user's is trained. */
export const COMMON: readonly string[] = ['lr', 'weightDecay', 'momentum', 'batch', 'optimizer'];

interface Change {
  /** The amount where none is given, and at most. */
  usual: number;
  most: number;
  /** Whether it has to be a whole number. */
  whole?: boolean;
  make(amount: number, input: ImageInput): augment.Augmentation;
}

const jitter =
  (what: 'brightness' | 'contrast' | 'saturation') =>
  (strength: number, { mean, std }: ImageInput) =>
    augment.colorJitter({ [what]: strength, mean, std });

/** What --augment may name. */
const CHANGES: Record<string, Change> = {
  flip: { most: 1, usual: 0.5, make: (p) => augment.flip(p) },
  shift: { most: 64, whole: true, usual: 2, make: (pixels) => augment.shift(pixels) },
  brightness: { most: 1, usual: 0.2, make: jitter('brightness') },
  contrast: { most: 1, usual: 0.2, make: jitter('contrast') },
  saturation: { most: 1, usual: 0.2, make: jitter('saturation') },
};

/** The changes of pictures in words. */
export const CHANGE_WORDS = Object.entries(CHANGES)
  .map(([name, { usual }]) => `${name}=${usual}`)
  .join(', ');

/** Changes as they are written: `flip,shift=4`. Throws a RangeError that says what is wrong. */
export function changesOf(text: string): [name: string, amount: number][] {
  return text.split(',').map((part) => {
    const [name, amount, ...rest] = part.split('=').map((word) => word.trim());
    if (!Object.hasOwn(CHANGES, name) || rest.length > 0) {
      throw new RangeError(`Expected a list of ${CHANGE_WORDS}, got ${part || 'nothing'}`);
    }
    const { most, whole, usual } = CHANGES[name];
    const value = amount === undefined ? usual : amount === '' ? Number.NaN : Number(amount);
    if (!(value >= 0 && value <= most && (!whole || Number.isInteger(value)))) {
      throw new RangeError(`Expected ${name} as a ${whole ? 'whole ' : ''}number from 0 to ${most}, got ${amount}`);
    }
    return [name, value];
  });
}

/** What changes every batch of training, for inputs like these. */
export const augmentationOf = (text: string, input: ImageInput): augment.Augmentation =>
  augment.compose(...changesOf(text).map(([name, amount]) => CHANGES[name].make(amount, input)));
