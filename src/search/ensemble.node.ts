// An ensemble from the best trials of a search, read from its folder (Node only).
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeSafetensors } from '../io/safetensors.ts';
import type { Module } from '../nn/module.ts';
import type { Ensemble } from '../train/ensemble.ts';
import { fromCheckpoints } from '../train/ensemble-members.ts';
import { readSearch, trialFolder } from './folder.node.ts';
import { ranked } from './search.ts';
import type { Params } from './space.ts';
import type { TrialRecord } from './trial.ts';

/**
 * An ensemble of the `top` best trials of the search in a folder, best first. `makeModel` makes the model that a trial's values
 * stand for. Throws an Error where the folder holds fewer such trials with checkpoints, and for checkpoints that do not fit.
 */
export async function fromSearch(
  makeModel: (params: Params, record: TrialRecord) => Module,
  folder: string,
  { top = 5 } = {},
): Promise<Ensemble> {
  const { plan, trials } = await readSearch(folder);
  const best = ranked(trials, plan.goal).filter(({ checkpoint }) => checkpoint);
  if (!Number.isInteger(top) || top < 1 || best.length < top) {
    throw new Error(`fromSearch: expected ${top} trials with checkpoints in ${folder}, got ${best.length}`);
  }
  const chosen = best.slice(0, top);
  const states = chosen.map(async ({ trial, checkpoint }) =>
    decodeSafetensors(await readFile(join(folder, trialFolder(trial), checkpoint!))),
  );
  return fromCheckpoints((i) => makeModel(chosen[i].params, chosen[i]), await Promise.all(states));
}
