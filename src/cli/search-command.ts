// The command line of `downhill train` that does again what a trial of a search did.
import type { TrialRecord } from '../search/trial.ts';
import { flagOf } from './options.ts';
import { COMMON } from './recipe.ts';
import { epochsOf, flagsOf, type TrialSettings } from './search-trial.ts';
import { isModulePath } from './user-module.ts';

/** What the flags are where they are left out. */
const USUAL: Record<string, unknown> = { epochs: 1, batch: 64, device: 'webgpu' };

/** A word as a shell takes it. */
const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

/** The command of the values and the seed of a trial, whose stage trained `growth` times longer than the one before. */
export function trainCommand(settings: TrialSettings, trial: TrialRecord, growth: number): string {
  const { params, seed, stage } = trial;
  const { what, params: _, ...flags } = flagsOf(settings, params, seed);
  const given: Record<string, unknown> = { ...flags, epochs: epochsOf(settings, growth ** (stage - 1)) };
  const isModule = isModulePath(what);
  const own = isModule ? Object.keys(params).filter((name) => !COMMON.includes(name)) : [];
  // Values for one optimizer come along with another.
  if (!isModule && given.optimizer !== 'sgd') delete given.momentum;
  const words = Object.entries(given)
    .filter(([name, value]) => value !== undefined && value !== USUAL[name])
    .flatMap(([name, value]) => {
      if (typeof value === 'boolean') return [flagOf(value ? name : `no-${name}`)];
      // Sizes, and else from one value to another.
      return [flagOf(name), Array.isArray(value) ? value.join(name === 'size' ? 'x' : ':') : String(value)];
    });
  const others = own.flatMap((name) => ['--param', `${name}=${params[name]}`]);
  return ['downhill', 'train', what, ...words, ...others].map(quoted).join(' ');
}
