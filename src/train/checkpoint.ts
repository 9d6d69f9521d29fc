// Checkpoints of a run: model, optimizer, schedule, callbacks, random counter and position in the data, in one file.
import { join, makeFolder, writeWhole } from '#files';
import { packCheckpoint, type TensorGroups, unpackCheckpoint } from '../io/checkpoint.ts';
import type { HostTensor } from '../nn/module.ts';
import type { OptimizerValues } from '../optim/index.ts';
import { checkState, hostTensors } from '../tensor/state.ts';
import type { Callback, CallbackState, EpochReport, Training, TrainingState } from './callback.ts';
import { gradeOf } from './early-stopping.ts';

/** What a checkpoint holds. */
export interface Checkpoint {
  /** For model.loadStateDict(). */
  model: Record<string, HostTensor>;
  /** For optimizer.loadStateDict(). */
  optimizer: { tensors: Record<string, HostTensor>; values: OptimizerValues };
  /** For GradScaler.loadStateDict(), where losses were scaled. */
  scaler: Record<string, HostTensor> | null;
  /** For EMA.loadStateDict(), where fit kept averages. */
  ema: { tensors: Record<string, HostTensor>; values: { decay: number } } | null;
  callbacks: Record<string, CallbackState>;
  training: TrainingState;
}

/** Callbacks that have a state, each under a name of its own: the second of two early stoppings is `early-stopping-2`. */
function stateful(callbacks: readonly Callback[]): [name: string, callback: Required<Callback>][] {
  const counts = new Map<string, number>();
  return callbacks.flatMap((callback): [string, Required<Callback>][] => {
    const { name } = callback;
    if (!name || !callback.stateDict) return [];
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return [[count === 1 ? name : `${name}-${count}`, callback as Required<Callback>]];
  });
}

/** The bytes of a checkpoint of a run as it stands: to keep where there are no files, and to give to fit as `resume`. */
export async function encodeCheckpoint(training: Training): Promise<Uint8Array> {
  const { model, optimizer, scaler, ema, callbacks } = training;
  const kept = optimizer.stateDict();
  const optimizerValues = structuredClone(kept.values);
  const averages = ema?.stateDict();
  const states = stateful(callbacks).map(([name, callback]) => [name, callback.stateDict()] as const);
  const callbackValues = structuredClone(Object.fromEntries(states.map(([name, { values }]) => [name, values])));
  const [modelTensors, optimizerTensors, scalerTensors, emaTensors, state] = await Promise.all([
    hostTensors(model.stateDict()),
    hostTensors(kept.tensors),
    hostTensors(scaler?.stateDict() ?? {}),
    hostTensors(averages?.tensors ?? {}),
    training.state(),
  ]);
  const groups: TensorGroups = { model: modelTensors, optimizer: optimizerTensors };
  if (scaler) groups.scaler = scalerTensors;
  if (ema) groups.ema = emaTensors;
  for (const [name, { tensors }] of states) groups[`callback:${name}`] = tensors;
  return packCheckpoint(groups, {
    ...{ training: state, optimizer: optimizerValues, callbacks: callbackValues },
    ...(averages && { ema: averages.values }),
  });
}

/** What encodeCheckpoint wrote. Throws an Error that says what is wrong with bytes that are no whole checkpoint. */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  const { groups, values } = unpackCheckpoint(bytes);
  const { training, optimizer, callbacks, ema } = values as {
    training: TrainingState;
    optimizer: OptimizerValues;
    callbacks: Record<string, unknown>;
    ema?: { decay: number };
  };
  const missing = Object.entries({ training, optimizer, callbacks }).flatMap(([name, part]) => (part ? [] : [name]));
  if (missing.length > 0) throw new Error(`checkpoint: its state lacks ${missing.join(', ')}`);
  const states = Object.entries(callbacks).map(
    ([name, state]) => [name, { tensors: groups[`callback:${name}`] ?? {}, values: state }] as const,
  );
  return {
    model: groups.model ?? {},
    optimizer: { tensors: groups.optimizer ?? {}, values: optimizer },
    scaler: groups.scaler ?? null,
    ema: ema ? { tensors: groups.ema ?? {}, values: ema } : null,
    callbacks: Object.fromEntries(states),
    training,
  };
}

/** Loads a part of a checkpoint. Throws an Error that says which part is another than in the checkpoint, and how. */
export function loadPart(what: string, load: () => void): void {
  try {
    load();
  } catch (error) {
    const words = (error as Error).message.replace(/^loadStateDict: /, '');
    throw new Error(`resume: the checkpoint is of another ${what}: ${words}`);
  }
}

/**
 * Puts model, optimizer and callbacks into the state of a checkpoint. Throws an Error, and leaves them as they are, where
 * it is of another model or optimizer: it names the keys that are missing, unexpected or of another shape.
 */
export async function restore(
  { model, optimizer, scaler, ema, callbacks }: Pick<Training, 'model' | 'optimizer' | 'scaler' | 'ema' | 'callbacks'>,
  saved: Checkpoint,
): Promise<void> {
  const before = await hostTensors(model.stateDict());
  if (saved.ema) {
    const { tensors } = saved.ema;
    loadPart('ema', () => checkState('EMA', ema?.stateDict().tensors ?? {}, tensors));
  }
  loadPart('model', () => model.loadStateDict(saved.model));
  try {
    loadPart('optimizer', () => optimizer.loadStateDict(saved.optimizer));
  } catch (error) {
    model.loadStateDict(before);
    throw error;
  }
  if (saved.ema) ema?.loadStateDict(saved.ema);
  if (saved.scaler) scaler?.loadStateDict(saved.scaler);
  for (const [name, callback] of stateful(callbacks)) {
    const state = saved.callbacks[name];
    if (state) callback.loadStateDict?.(state);
  }
}

export interface CheckpointOptions {
  /** Where `last.safetensors` and `best.safetensors` go; made where it is not there. In Node only. */
  folder: string;
  /** Steps between checkpoints. One is also written after every epoch and at the end. Default: only those. */
  every?: number;
  /** By what the best epoch is known: the validation's where there is one, else that of training. Default: loss. */
  best?: 'loss' | 'accuracy';
}

/** Writes the checkpoints of a run. The last of its callbacks, so that what it writes is what all others know. */
export class Checkpoints implements Callback {
  readonly name = 'checkpoint';
  private readonly options: CheckpointOptions;
  private best: number | null = null;
  /** The step that last.safetensors stands at. */
  private saved = -1;

  constructor(options: CheckpointOptions) {
    this.options = options;
  }

  async onBegin(): Promise<void> {
    await this.writing(this.options.folder, () => makeFolder(this.options.folder));
  }

  /** Whether a checkpoint is wanted after a step. */
  due(step: number): boolean {
    const { every } = this.options;
    return every !== undefined && step % every === 0;
  }

  async onEpoch(report: EpochReport, training: Training): Promise<void> {
    const grade = gradeOf('checkpoint', report, this.options.best ?? 'loss');
    const better = this.best === null || grade > this.best;
    if (better) this.best = grade;
    // The best one first: it must be there once the last one says how good it is.
    await this.save(training, better ? ['best', 'last'] : ['last']);
  }

  async onEnd(training: Training): Promise<void> {
    if (this.saved !== training.step) await this.save(training);
  }

  async save(training: Training, names: ('best' | 'last')[] = ['last']): Promise<void> {
    const { step } = training;
    const bytes = await encodeCheckpoint(training);
    for (const name of names) {
      const path = join(this.options.folder, `${name}.safetensors`);
      await this.writing(path, () => writeWhole(path, bytes));
    }
    this.saved = step;
  }

  stateDict(): CallbackState {
    return { tensors: {}, values: { best: this.best } };
  }

  loadStateDict({ values }: CallbackState): void {
    this.best = (values as { best: number | null }).best;
  }

  private async writing(path: string, write: () => Promise<void>): Promise<void> {
    await write().catch((error) => {
      throw new Error(`checkpoint: cannot write ${path}, what was there before stays (${(error as Error).message})`);
    });
  }
}
