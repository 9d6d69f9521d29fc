// fit: the training loop, the same in Node and in a page. Losses are read a few steps late, so that reading never waits.
import { readBytes } from '#files';
import type { Module } from '../nn/module.ts';
import { type EMA, GradScaler, type Optimizer } from '../optim/index.ts';
import { nextStream, randomState, type Stream, setRandomState, shuffled } from '../tensor/random.ts';
import {
  batchOf,
  checkData,
  checkExamples,
  checkLast,
  checkTraining,
  type Data,
  type Examples,
  type Task,
  taskOf,
} from './batch.ts';
import type { Callback, EpochReport, Training, TrainingState } from './callback.ts';
import { Checkpoints, decodeCheckpoint, loadPart, restore } from './checkpoint.ts';
import { Evaluator } from './evaluate.ts';
import { checkPrecision, type FitOptions, type FitSettings, settingsOf } from './fit-options.ts';
import { scheduleOf } from './schedule.ts';
import { AHEAD, addTo, type Stepped, Stepper } from './step.ts';

/**
 * Trains a model. Returns the epochs that were finished, those before a resumed checkpoint included. Throws, before
 * anything is trained, where options, data, model, loss and checkpoint do not go together.
 */
export async function fit(model: Module, options: FitOptions): Promise<EpochReport[]> {
  const run = await Run.of(model, options);
  try {
    return await run.train();
  } finally {
    run.dispose();
  }
}

class Run implements Training {
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly scaler: GradScaler | null;
  readonly ema: EMA | null;
  readonly callbacks: readonly Callback[];
  readonly stepsPerEpoch: number;
  readonly steps: number;
  step = 0;
  epoch = 0;
  stopped: string | null = null;

  private readonly data: Data;
  private readonly options: FitSettings;
  private readonly task: Task;
  private readonly stepper: Stepper;
  private readonly evaluator: Evaluator;
  private readonly schedule: ReturnType<typeof scheduleOf>;
  private readonly checkpoints: Checkpoints | null;
  private readonly running: Promise<Stepped & { lr: number }>[] = [];
  /** Examples of an epoch. */
  private readonly end: number;
  private order: Stream | null = null;
  private position = 0;
  private totals = { loss: 0, correct: 0, count: 0 };
  private history: EpochReport[] = [];
  /** Steps and examples that were reported here, and milliseconds that did not belong to them. */
  private reported = 0;
  private here = { steps: 0, examples: 0, began: 0, paused: 0 };

  private constructor(model: Module, options: FitSettings, task: Task) {
    const { data, optimizer, callbacks, loss, checkpoint, compile, anomaly, epochs, batchSize, accumulate } = options;
    this.model = model;
    this.optimizer = optimizer;
    this.ema = options.ema ?? null;
    this.data = data;
    this.task = task;
    this.options = options;
    this.checkpoints = checkpoint ? new Checkpoints(checkpoint) : null;
    this.callbacks = [...callbacks, ...(this.checkpoints ? [this.checkpoints] : [])];
    this.end = options.dropLast ? data.length - (data.length % batchSize) : data.length;
    this.stepsPerEpoch = Math.ceil(this.end / (batchSize * accumulate));
    this.steps = this.stepsPerEpoch * epochs;
    this.schedule = scheduleOf(options.schedule, optimizer, options.scheduleBy);
    const probes = callbacks.flatMap(({ probe }) => probe ?? []);
    const { device } = task;
    const halves = options.precision === 'float16';
    this.scaler = halves ? new GradScaler(optimizer, options.gradScaler) : null;
    this.stepper = new Stepper({
      ...options,
      model,
      device,
      probes,
      compiled: compile && !anomaly,
      scaler: this.scaler,
    });
    this.evaluator = new Evaluator(model, { loss, compiled: compile, halves });
  }

  /** A run that is ready to begin: its options and data are checked, and its checkpoint is loaded. */
  static async of(model: Module, given: FitOptions): Promise<Run> {
    const options = settingsOf(model, given);
    const { data, validation, batchSize, loss, ignoreIndex, augment, resume, signal } = options;
    const first = Array.from({ length: Math.min(batchSize, data.length) }, (_, i) => i);
    const random = randomState();
    const examples = await batchOf('fit', data, first);
    setRandomState(random);
    model.train();
    const task = taskOf('fit', model, examples, { loss, ignoreIndex, augment });
    checkPrecision(options.precision, task.device);
    checkExamples('fit', examples, first, { ...task, data });
    if (!options.dropLast) checkLast('fit', data, examples, task);
    if (options.check) await checkTraining('fit', data, task, signal);
    if (options.check && validation) await checkData('fit: validation', validation, task, signal);
    const saved = resume === undefined ? null : typeof resume === 'string' ? await readBytes(resume) : resume;
    const run = new Run(model, options, task);
    try {
      if (saved) await run.resume(saved);
    } catch (error) {
      run.dispose();
      throw error;
    }
    return run;
  }

  stop(reason: string): void {
    this.stopped ??= reason;
  }

  async state(): Promise<TrainingState> {
    const { step, epoch, position, order, data, options, schedule } = this;
    const state = {
      ...{ step, epoch, position, examples: data.length },
      ...{ batchSize: options.batchSize, accumulate: options.accumulate, dropLast: options.dropLast },
      ...{ order, random: randomState(), history: [...this.history] },
      ...{ scheduleKind: schedule.kind, ...schedule.state() },
    };
    const [totals, running] = [{ ...this.totals }, [...this.running]];
    for (const stepped of running) addTo(totals, await stepped);
    return { ...state, totals };
  }

  private async resume(bytes: Uint8Array): Promise<void> {
    const saved = decodeCheckpoint(bytes);
    const { step, epoch, position, order, totals, history, random, ...state } = saved.training;
    const { batchSize, accumulate, dropLast } = this.options;
    for (const [name, mine] of Object.entries({ examples: this.data.length, batchSize, accumulate, dropLast })) {
      const its = state[name as 'examples' | 'batchSize' | 'accumulate' | 'dropLast'];
      if (its !== mine) throw new RangeError(`resume: the checkpoint was made with ${name} ${its}, got ${mine}`);
    }
    const mine = this.scaler ? 'float16' : 'float32';
    const its = saved.scaler ? 'float16' : 'float32';
    if (its !== mine) throw new RangeError(`resume: the checkpoint was made with precision ${its}, got ${mine}`);
    if (!saved.ema !== !this.ema) {
      throw new RangeError(
        `resume: the checkpoint was made ${saved.ema ? 'with' : 'without'} ema, got ${this.ema ? 'one' : 'none'}`,
      );
    }
    const { kind } = this.schedule;
    if (state.scheduleKind !== kind) {
      throw new RangeError(`resume: the checkpoint was made with schedule ${state.scheduleKind}, got ${kind}`);
    }
    const before = this.schedule.state();
    try {
      loadPart('schedule', () => this.schedule.load(state));
      await restore(this, saved);
    } catch (error) {
      this.schedule.load(before);
      throw error;
    }
    setRandomState(random);
    Object.assign(this, { step, epoch, position, order, totals, history, reported: step });
  }

  async train(): Promise<EpochReport[]> {
    const { epochs } = this.options;
    await this.tell((callback) => callback.onBegin?.(this));
    this.here.began = performance.now();
    try {
      while (!this.ended && (this.epoch < epochs || this.unfinished)) {
        if (!(await this.trainEpoch())) break;
      }
      await this.tell((callback) => callback.onEnd?.(this));
    } finally {
      this.schedule.end();
    }
    return this.history;
  }

  dispose(): void {
    this.stepper.dispose();
    this.evaluator.dispose();
    this.scaler?.dispose();
  }

  private get ended(): boolean {
    return this.stopped !== null || this.options.signal?.aborted === true;
  }

  /** Whether the epoch that was begun is not reported yet. */
  private get unfinished(): boolean {
    return this.epoch > this.history.length;
  }

  /** Trains to the end of an epoch, a new one or one that a checkpoint stands in. False where it was cut off. */
  private async trainEpoch(): Promise<boolean> {
    const start = performance.now();
    const { data, options, model } = this;
    if (!this.unfinished) {
      this.epoch++;
      this.position = 0;
      this.totals = { loss: 0, correct: 0, count: 0 };
      this.order = options.shuffle ? nextStream() : null;
    }
    const order = this.order
      ? shuffled(data.length, this.order)
      : Uint32Array.from({ length: data.length }, (_, i) => i);
    model.train();
    while (this.position < this.end && !this.ended) {
      const { batches, position } = await this.batchesFrom(order);
      await this.takeStep(batches, position);
      if (this.running.length > AHEAD) await this.report();
      if (this.checkpoints?.due(this.step)) {
        while (this.running.length > 0) await this.report();
        await this.checkpoints.save(this);
      }
    }
    while (this.running.length > 0) await this.report();
    if (this.position < this.end) return false;
    const validated = await this.validate();
    // Cut off: validation is made up for by whoever resumes.
    if (!validated) return false;
    const { loss, correct, count } = this.totals;
    const classifies = this.task.classes !== null;
    const result: EpochReport = {
      epoch: this.epoch,
      trainLoss: loss / count,
      trainAccuracy: classifies ? correct / count : null,
      ...validated,
      seconds: (performance.now() - start) / 1000,
    };
    this.history.push(result);
    this.schedule.epochEnds(result.validationLoss ?? result.trainLoss, this.epoch / options.epochs);
    await this.tell((callback) => callback.onEpoch?.(result, this));
    return true;
  }

  /** The batches of the next step, and the position behind them. */
  private async batchesFrom(order: Uint32Array): Promise<{ batches: Examples[]; position: number }> {
    const { data, options, task } = this;
    const batches: Examples[] = [];
    let { position } = this;
    while (batches.length < options.accumulate && position < this.end) {
      const indices = order.subarray(position, Math.min(position + options.batchSize, this.end));
      const examples = data.batch(indices);
      // Without a turn of other work in between, where the data needs none.
      const batch = examples instanceof Promise ? await examples : examples;
      checkExamples('fit', batch, indices, { ...task, data });
      batches.push(batch);
      position += indices.length;
    }
    return { batches, position };
  }

  /** Queues a step. */
  private async takeStep(batches: Examples[], position: number): Promise<void> {
    this.schedule.stepBegins(this.step / this.steps);
    const { lr } = this.optimizer;
    this.step++;
    this.position = position;
    const stepped = this.stepper.run(batches, this.step).then((result) => ({ ...result, lr }));
    this.schedule.stepEnds();
    stepped.catch(() => {}); // whoever awaits it hears of it; after a failure nobody awaits the rest
    this.running.push(stepped);
    // In anomaly mode a step is over when all of it was read.
    if (this.options.anomaly) await stepped;
  }

  /** Waits for the oldest step that was not reported, and reports it. */
  private async report(): Promise<void> {
    const { loss, correct, count, lr, tell } = await this.running.shift()!;
    addTo(this.totals, { loss, correct, count });
    tell();
    this.reported++;
    this.here.steps++;
    this.here.examples += count;
    const seconds = (performance.now() - this.here.began - this.here.paused) / 1000;
    const report = {
      ...{ step: this.reported, steps: this.steps, epoch: this.epoch, loss, lr },
      accuracy: this.task.classes === null ? null : correct / count,
      imagesPerSecond: this.here.examples / seconds,
      secondsLeft: (seconds / this.here.steps) * (this.steps - this.reported),
    };
    await this.aside(() => this.tell((callback) => callback.onStep?.(report, this)));
  }

  /** The mean loss and accuracy of validation, null where there is none; null instead of both where it was cut off. */
  private async validate(): Promise<Pick<EpochReport, 'validationLoss' | 'validationAccuracy'> | null> {
    const { validation, signal } = this.options;
    if (!validation?.length) return { validationLoss: null, validationAccuracy: null };
    const { loss, accuracy, count } = await this.aside(() => this.evaluator.run(validation, { signal }));
    return count < validation.length ? null : { validationLoss: loss, validationAccuracy: accuracy };
  }

  /** Tells all callbacks something, one after the other. */
  private async tell(of: (callback: Callback) => void | Promise<void>): Promise<void> {
    for (const callback of this.callbacks) await of(callback);
  }

  /** Does something whose time is not training's. */
  private async aside<T>(work: () => Promise<T>): Promise<T> {
    const before = performance.now();
    const result = await work();
    this.here.paused += performance.now() - before;
    return result;
  }
}
