// The race page: computes the path of each optimizer, anew where its learning rate changes, and plays them all.
import { init, optim } from 'downhill';
import { byId, onColorScheme, showFailure, throttled } from './dom.ts';
import { Picture } from './race-picture.ts';

const { contestants, race, surfaces } = optim.race;
type SurfaceName = optim.race.SurfaceName;
type Contestant = optim.race.Contestant;

const STEPS = 200;
/** Steps shown in a second. */
const PACE = 25;
/** A slider goes this many decades up and down from what suits the surface, in tenths. */
const DECADES = 1.5;

const content = byId('content');
const picture = new Picture(byId<HTMLCanvasElement>('picture'));
const chosen = byId<HTMLSelectElement>('surface');
const at = byId<HTMLInputElement>('at');
const toggle = byId<HTMLButtonElement>('toggle');

const surfaceName = () => chosen.value as SurfaceName;

/** Two figures are enough for a learning rate. */
const rounded = (lr: number) => Number(lr.toPrecision(2));

function lossText(loss: number | undefined): string {
  if (loss === undefined) return 'far off';
  return loss !== 0 && Math.abs(loss) < 1e-3 ? loss.toExponential(0) : String(Number(loss.toPrecision(3)));
}

/** An optimizer with its row on the page and its path. */
class Runner {
  readonly contestant: Contestant;
  path: optim.race.Path | null = null;
  private readonly row = document.createElement('li');
  private readonly shows = Object.assign(document.createElement('input'), { type: 'checkbox', checked: true });
  private readonly slider = Object.assign(document.createElement('input'), { type: 'range' });
  private readonly rate = document.createElement('output');
  private readonly loss = document.createElement('b');
  /** Counts changes: a path that was computed for an older one is dropped. */
  private version = 0;

  constructor(contestant: Contestant, redraw: () => void) {
    this.contestant = contestant;
    const { name, color } = contestant;
    this.row.className = 'runner field';
    this.row.style.setProperty('--color', color);
    const label = document.createElement('label');
    label.append(this.shows, name);
    Object.assign(this.slider, { min: String(-10 * DECADES), max: String(10 * DECADES) });
    this.slider.setAttribute('aria-label', `Learning rate of ${name}`);
    this.row.append(label, this.slider, this.rate, this.loss);
    this.row.dataset.name = name;
    this.shows.addEventListener('change', () => {
      this.row.dataset.shown = String(this.shows.checked);
      redraw();
    });
    const run = throttled(() => this.run().then(redraw, failed));
    this.slider.addEventListener('input', () => {
      this.showRate();
      run();
    });
    byId('runners').append(this.row);
  }

  get shown(): boolean {
    return this.shows.checked && this.path !== null;
  }

  get lr(): number {
    return rounded(this.contestant.lr[surfaceName()] * 10 ** (this.slider.valueAsNumber / 10));
  }

  /** Back to what suits the surface. */
  reset(): void {
    this.version++;
    this.slider.valueAsNumber = 0;
    this.path = null;
    this.showRate();
  }

  async run(): Promise<void> {
    const { contestant, lr } = this;
    this.version++;
    const { version } = this;
    const path = await race(surfaces[surfaceName()], (point) => contestant.make(point, lr), { steps: STEPS });
    if (version === this.version) this.path = path;
  }

  showLoss(step: number): void {
    this.loss.textContent = this.path ? lossText(this.path.loss[step]) : '';
  }

  private showRate(): void {
    this.rate.textContent = String(this.lr);
    this.slider.setAttribute('aria-valuetext', String(this.lr));
  }
}

let step = 0;
let playing = true;
let last = 0;
let round = 0;

function failed(error: unknown): void {
  content.dataset.state = 'failed';
  showFailure('The race stopped', error);
}

function setPlaying(on: boolean): void {
  playing = on;
  toggle.textContent = on ? 'Pause' : step < STEPS ? 'Continue' : 'Again';
  if (content.dataset.state !== 'failed' && content.dataset.state !== 'computing') {
    content.dataset.state = on ? 'running' : step < STEPS ? 'paused' : 'done';
  }
}

function draw(): void {
  const shown = runners.filter((runner) => runner.shown);
  picture.draw(
    shown.map(({ contestant, path }) => ({ color: contestant.color, path: path! })),
    step,
  );
  const whole = Math.floor(step);
  byId('step').textContent = String(whole);
  at.valueAsNumber = whole;
  for (const runner of runners) runner.showLoss(whole);
}

const runners = contestants.map((contestant) => new Runner(contestant, draw));

function frame(now: number): void {
  // After a pause of the tab the race goes on where it was.
  const seconds = Math.min((now - last) / 1000, 0.1);
  last = now;
  if (playing && content.dataset.state === 'running') {
    step = Math.min(STEPS, step + seconds * PACE);
    draw();
    if (step === STEPS) setPlaying(false);
  }
  requestAnimationFrame(frame);
}

/** Computes all paths on the chosen surface, one per turn of the page, and starts. */
async function begin(): Promise<void> {
  round++;
  const mine = round;
  const surface = surfaces[surfaceName()];
  content.dataset.state = 'computing';
  byId('formula').textContent = surface.formula;
  picture.show(surface);
  step = 0;
  for (const runner of runners) runner.reset();
  draw();
  for (const runner of runners) {
    await new Promise((resolve) => setTimeout(resolve));
    if (mine !== round) return;
    await runner.run();
    draw();
  }
  if (mine !== round) return;
  content.dataset.state = 'running';
  setPlaying(true);
}

async function main(): Promise<void> {
  for (const [name, { title }] of Object.entries(surfaces)) chosen.add(new Option(title, name));
  chosen.value = 'valley';
  at.max = String(STEPS);
  byId('steps').textContent = `of ${STEPS}`;
  await init({ device: 'cpu' });
  chosen.addEventListener('change', () => begin().catch(failed));
  byId('reset').addEventListener('click', () => begin().catch(failed));
  byId('restart').addEventListener('click', () => {
    step = 0;
    setPlaying(true);
    draw();
  });
  toggle.addEventListener('click', () => {
    if (step === STEPS) step = 0;
    setPlaying(!playing);
    draw();
  });
  at.addEventListener('input', () => {
    step = at.valueAsNumber;
    setPlaying(false);
    draw();
  });
  onColorScheme(() => {
    picture.show(surfaces[surfaceName()]);
    draw();
  });
  new ResizeObserver(draw).observe(byId('picture'));
  requestAnimationFrame(frame);
  await begin();
}

main().catch(failed);
