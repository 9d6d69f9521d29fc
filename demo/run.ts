// One training run, with pause and stop: the model, its optimizer and the loop. Knows nothing of the page.
import {
  type Batch,
  evaluate,
  fit,
  type Mnist,
  manualSeed,
  type nn,
  noGrad,
  optim,
  referenceCnn,
  type StepReport,
  scope,
  tensor,
} from 'downhill';

export const OPTIMIZERS = {
  adam: { make: optim.Adam, options: {}, lr: 0.001 },
  rmsprop: { make: optim.RMSprop, options: {}, lr: 0.001 },
  sgd: { make: optim.SGD, options: { momentum: 0.9 }, lr: 0.05 },
};

export interface Settings {
  optimizer: keyof typeof OPTIMIZERS;
  lr: number;
  batchSize: number;
  epochs: number;
  batchNorm: boolean;
  dropout: boolean;
}

/** What a run tells while it trains; nothing more after stop(). */
export interface Watcher {
  onStep(report: StepReport): void;
  /** Accuracy on held-back images: on some of them now and then, on all of them after an epoch. */
  onValidation(accuracy: number): void;
  onTest(accuracy: number): void;
}

const SEED = 0;
/** Images of one validation on the way, and how many of them an epoch has. */
const SAMPLE = 500;
const VALIDATIONS = 40;

/** The same settings give the same run again: every run begins with the same seed. */
export class Run {
  readonly model: nn.Sequential;
  /** May be set at any time, for the steps to come. */
  lr: number;
  private readonly settings: Settings;
  private readonly optimizer: optim.Optimizer;
  private readonly aborter = new AbortController();
  private gate: { passed: Promise<void>; open: () => void } | null = null;
  private readonly pending = new Set<Promise<unknown>>();

  constructor(settings: Settings) {
    manualSeed(SEED);
    this.settings = settings;
    this.model = referenceCnn({ batchNorm: settings.batchNorm, dropout: settings.dropout ? 0.5 : 0 });
    const { make, options } = OPTIMIZERS[settings.optimizer];
    this.optimizer = new make(this.model.parameters(), { lr: settings.lr, ...options });
    this.lr = settings.lr;
  }

  get stopped(): boolean {
    return this.aborter.signal.aborted;
  }

  /** Trains to the end or until stop(). Rejects if the device fails. */
  train(data: Mnist, watcher: Watcher): Promise<void> {
    return this.use(this.loop(data, watcher));
  }

  private async loop({ train, validation, test }: Mnist, watcher: Watcher): Promise<void> {
    const { batchSize, epochs } = this.settings;
    const { signal } = this.aborter;
    const perEpoch = Math.ceil(train.length / batchSize);
    const every = Math.ceil(perEpoch / VALIDATIONS);
    const baseLr = this.lr;
    this.optimizer.lr = baseLr;
    const sample = validation.slice(0, SAMPLE);
    await fit(this.model, {
      data: train,
      validation,
      optimizer: this.optimizer,
      epochs,
      batchSize,
      signal,
      schedule: () => this.lr / baseLr,
      callbacks: [
        {
          onStep: async (report) => {
            while (this.gate) await this.gate.passed;
            if (this.stopped) return;
            watcher.onStep(report);
            if (report.step % every > 0 || report.step % perEpoch === 0) return;
            const { accuracy } = await evaluate(this.model, sample);
            if (!this.stopped) watcher.onValidation(accuracy!);
          },
          onEpoch: ({ validationAccuracy }) => {
            if (!this.stopped) watcher.onValidation(validationAccuracy!);
          },
        },
      ],
    });
    if (this.stopped) return;
    const { accuracy, count } = await evaluate(this.model, test, { signal });
    if (!this.stopped && count === test.length) watcher.onTest(accuracy!);
  }

  pause(): void {
    let open = () => {};
    const passed = new Promise<void>((resolve) => {
      open = resolve;
    });
    this.gate ??= { passed, open };
  }

  resume(): void {
    this.gate?.open();
    this.gate = null;
  }

  /** Ends the run; its memory is given back once the work under way is done. */
  stop(): void {
    this.aborter.abort();
    this.resume();
    const release = () => {
      this.optimizer.dispose();
      this.model.dispose();
    };
    Promise.allSettled(this.pending).then(release);
  }

  /** Weights of the first layer, [8, 1, 5, 5], and the probability of each class for each image of a batch, [n, 10]. */
  look(batch: Batch): Promise<{ filters: ArrayLike<number>; probabilities: Float64Array[] }> {
    const { model } = this;
    const { training } = model;
    model.eval();
    const logits = noGrad(() => scope(() => model.forward(tensor(batch.x, { shape: batch.shape }))));
    model.train(training);
    const reads = Promise.all([model.stateDict()['0.weight'].data(), logits.data()]);
    logits.dispose();
    const looked = reads.then(([filters, values]) => ({
      filters,
      probabilities: Array.from(batch.y, (_, i) => softmax(Array.from(values.slice(i * 10, i * 10 + 10)))),
    }));
    return this.use(looked);
  }

  /** Keeps the memory of this run until a piece of work is done. */
  private use<T>(work: Promise<T>): Promise<T> {
    this.pending.add(work);
    const done = () => this.pending.delete(work);
    work.then(done, done);
    return work;
  }
}

function softmax(logits: number[]): Float64Array {
  const top = Math.max(...logits);
  const powers = Float64Array.from(logits, (x) => Math.exp(x - top));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((p) => p / sum);
}
