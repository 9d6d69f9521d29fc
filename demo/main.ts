// The training page: wires the controls to a run, and what the run tells to figures, charts and pictures.
import { init, type Mnist, type StepReport } from 'downhill';
import { Charts } from './charts.ts';
import { Digits } from './digits.ts';
import { byId, showAdapter, showFailure, showNoDevice, throttled } from './dom.ts';
import { Filters } from './filters.ts';
import { fetchMnist } from './mnist.ts';
import { OPTIMIZERS, Run, type Settings } from './run.ts';

type State = 'loading' | 'ready' | 'running' | 'paused' | 'done' | 'failed';

const LEARNING_RATES = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];
const TOGGLE: Record<State, string> = {
  loading: 'Start',
  ready: 'Start',
  running: 'Pause',
  paused: 'Continue',
  done: 'Start',
  failed: 'Start',
};
const TRAINING = 'Training; the learning rate may be changed on the way, the rest after a reset';
const DIVERGED = 'The loss is no longer a number: reset, and try a smaller learning rate';
/** A look at the network takes at most this share of the time. */
const LOOKING = 0.2;

const content = byId('content');
const toggle = byId<HTMLButtonElement>('toggle');
const reset = byId<HTMLButtonElement>('reset');
const shuffle = byId<HTMLButtonElement>('shuffle');
const fixed = byId<HTMLFieldSetElement>('fixed');
const lr = byId<HTMLInputElement>('lr');
const optimizer = byId<HTMLSelectElement>('optimizer');
const progress = byId<HTMLProgressElement>('progress');

const show = (id: string, text: string) => {
  byId(id).textContent = text;
};

function setState(state: State, status: string): void {
  content.dataset.state = state;
  toggle.textContent = TOGGLE[state];
  toggle.disabled = !['ready', 'running', 'paused'].includes(state);
  reset.disabled = !['running', 'paused', 'done'].includes(state);
  shuffle.disabled = state === 'loading' || state === 'failed';
  fixed.disabled = state !== 'ready';
  lr.disabled = !['ready', 'running', 'paused'].includes(state);
  show('status', status);
}

const chosenLr = () => LEARNING_RATES[lr.valueAsNumber];

function chooseLr(value: number): void {
  lr.valueAsNumber = LEARNING_RATES.indexOf(value);
  showLr();
}

function showLr(): void {
  show('lr-value', String(chosenLr()));
  lr.setAttribute('aria-valuetext', String(chosenLr()));
}

const settings = (): Settings => ({
  optimizer: optimizer.value as Settings['optimizer'],
  lr: chosenLr(),
  batchSize: Number(byId<HTMLSelectElement>('batch-size').value),
  epochs: Number(byId<HTMLSelectElement>('epochs').value),
  batchNorm: byId<HTMLInputElement>('batch-norm').checked,
  dropout: byId<HTMLInputElement>('dropout').checked,
});

const minutes = (seconds: number) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;

/** The page once it has a device and data. */
class Trainer {
  private readonly data: Mnist;
  private readonly charts = new Charts();
  private readonly filters = new Filters();
  private readonly digits: Digits;
  private run: Run;
  private latest: { report: StepReport; loss: number } | null = null;
  /** The run that is being looked at, and whether to look once more after that. */
  private looking: Run | null = null;
  private lookAgain = false;
  private nextLook = 0;
  private readonly showStep = throttled(() => this.drawStep());

  constructor(data: Mnist) {
    this.data = data;
    this.digits = new Digits(data.test);
    this.run = this.newRun();
  }

  /** Forgets what was learned, and shows the network as it starts with the present settings. */
  reset(): void {
    this.run.stop();
    this.run = this.newRun();
  }

  private newRun(): Run {
    const run = new Run(settings());
    this.latest = null;
    this.charts.clear();
    for (const id of ['loss', 'accuracy', 'speed', 'left']) show(`stat-${id}`, '-');
    for (const id of ['step', 'epoch']) show(`stat-${id}`, '0');
    for (const id of ['steps', 'epochs']) show(`stat-${id}`, '');
    progress.value = 0;
    setState('ready', 'Ready: the network knows nothing yet');
    this.look(run);
    return run;
  }

  toggle(): void {
    const { run } = this;
    const { state } = content.dataset;
    if (state === 'ready') this.start(run);
    else if (state === 'running') {
      run.pause();
      this.drawStep();
      this.look();
      setState('paused', 'Paused');
    } else if (state === 'paused') {
      run.resume();
      setState('running', TRAINING);
    }
  }

  private start(run: Run): void {
    setState('running', 'Compiling shaders');
    run
      .train(this.data, {
        onStep: (report) => this.onStep(run, report),
        onValidation: (accuracy) => {
          this.charts.addValidation(accuracy);
          show('stat-accuracy', (100 * accuracy).toFixed(1));
        },
        onTest: (accuracy) => {
          this.drawStep();
          this.look(run);
          const { length } = this.data.test;
          setState(
            'done',
            `Done: ${(100 * accuracy).toFixed(2)} % of ${length.toLocaleString('en')} test digits right`,
          );
        },
      })
      .catch((error) => this.fail(run, error));
  }

  private onStep(run: Run, report: StepReport): void {
    if (report.step === 1) setState('running', TRAINING);
    if (report.step === report.steps) {
      show('status', 'Reading the test digits');
      toggle.disabled = true;
    }
    if (!Number.isFinite(report.loss)) show('status', DIVERGED);
    this.latest = { report, loss: this.charts.addStep(report.step, report.loss, report.accuracy!) };
    this.showStep();
    if (performance.now() > this.nextLook) this.look(run);
  }

  private drawStep(): void {
    if (!this.latest) return;
    const { report, loss } = this.latest;
    show('stat-step', report.step.toLocaleString('en'));
    show('stat-steps', `of ${report.steps.toLocaleString('en')}`);
    show('stat-epoch', String(report.epoch));
    show('stat-epochs', `of ${settings().epochs}`);
    show('stat-loss', loss.toFixed(3));
    show('stat-speed', Math.round(report.imagesPerSecond).toLocaleString('en'));
    show('stat-left', minutes(report.secondsLeft));
    progress.value = report.step / report.steps;
  }

  /** Redraws filters and predictions, without making the training wait. */
  private look(run = this.run): void {
    if (this.looking === run) {
      this.lookAgain = true;
      return;
    }
    this.looking = run;
    this.lookAgain = false;
    this.nextLook = Number.POSITIVE_INFINITY;
    const began = performance.now();
    const { batch } = this.digits;
    run
      .look(batch)
      .then(({ filters, probabilities }) => {
        if (run.stopped) return;
        this.looking = null;
        const now = performance.now();
        this.nextLook = now + (now - began) * (1 / LOOKING - 1);
        this.filters.draw(filters);
        this.digits.mark(batch, probabilities);
        if (this.lookAgain) this.look(run);
      })
      .catch((error) => this.fail(run, error));
  }

  shuffle(): void {
    this.digits.shuffle();
    this.look();
  }

  setLr(value: number): void {
    this.run.lr = value;
  }

  private fail(run: Run, error: unknown): void {
    if (run.stopped || content.dataset.state === 'failed') return;
    setState('failed', 'Stopped');
    showFailure('Training stopped', error);
  }
}

/** Whether there is a device now; says so where there is none. */
async function open(): Promise<boolean> {
  try {
    const device = await init();
    showAdapter(device.info);
    device.lost.then((reason) => {
      setState('failed', 'Stopped');
      showFailure('The GPU was lost', `${reason || 'the browser gave no reason'}; reload the page to start again`);
    });
    return true;
  } catch (error) {
    showNoDevice(error);
    return false;
  }
}

async function load(): Promise<Mnist | null> {
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
  const draw = throttled(() => {
    if (content.dataset.state === 'loading') show('status', loaded);
  });
  let loaded = 'Loading MNIST';
  try {
    return await fetchMnist((received, total) => {
      progress.value = total > 0 ? received / total : 0;
      loaded = `Loading MNIST: ${megabytes(received)} of ${megabytes(total)} MB`;
      draw();
    });
  } catch (error) {
    setState('failed', 'MNIST could not be loaded');
    showFailure('MNIST could not be loaded', error);
    return null;
  }
}

async function main(): Promise<void> {
  lr.max = String(LEARNING_RATES.length - 1);
  chooseLr(OPTIMIZERS.adam.lr);
  if (!(await open())) return;
  const data = await load();
  if (!data) return;
  const trainer = new Trainer(data);
  toggle.addEventListener('click', () => trainer.toggle());
  reset.addEventListener('click', () => trainer.reset());
  shuffle.addEventListener('click', () => trainer.shuffle());
  optimizer.addEventListener('change', () => chooseLr(OPTIMIZERS[optimizer.value as Settings['optimizer']].lr));
  // The learning rate may change on the way; everything else makes a new run.
  fixed.addEventListener('change', () => trainer.reset());
  lr.addEventListener('input', () => {
    showLr();
    trainer.setLr(chosenLr());
  });
}

main();
