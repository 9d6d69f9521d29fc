// Runs kernel cases on altered shaders: one device, with the references of the cases kept.
import { createHash } from 'node:crypto';
import { openAdapter } from '#gpu';
import { cpuDevice } from '../../src/backends/cpu/backend.ts';
import { init } from '../../src/backends/init.ts';
import '../../src/ops/methods.ts'; // some cases call ops as methods
import { WebGpuBackend } from '../../src/backends/webgpu/backend.ts';
import type { Buffer } from '../../src/backends/webgpu/buffers.ts';
import type { Case } from '../../src/check/case.ts';
import { comparisons, dataFault, type Evaluation, evaluate, inputsOf } from '../../src/check/evaluate.ts';
import { folded } from '../../src/check/fold.ts';
import { refusalOf } from '../../src/check/kernel-check.ts';
import type { HostTensor } from '../../src/check/values.ts';
import type { Shader } from '../../src/tensor/backend.ts';
import type { Device } from '../../src/tensor/device.ts';
import { DeviceError, ShaderError } from '../../src/tensor/errors.ts';
import { type Mutant, type Use, useName } from './mutant.ts';
import { backwards } from './order.ts';
import { Variants } from './variants.ts';

/** How a case is run. */
export interface Way {
  /** Index of the case. */
  item: number;
  /** The kind of adapters whose plans it gets. */
  plans: 'software' | 'hardware';
  /** Whether its grids are folded, as large ones are. */
  folds: boolean;
  /** The configuration of products that it gets, see src/ops/gemm-config.ts; what the plans are by themselves if not given. */
  configuration?: string;
}

export interface Run extends Way {
  /** Milliseconds that it took unaltered. */
  ms: number;
  /** What it dispatched, each once. */
  uses: Use[];
  /** What is wrong unaltered, or null. */
  fault: string | null;
}

export interface Verdict {
  state: 'caught' | 'survived' | 'invalid';
  /** What caught it, or how many runs did not. */
  how: string;
}

type Intercept = NonNullable<WebGpuBackend['intercept']>;

const WAYS: Omit<Way, 'item'>[] = [
  { plans: 'software', folds: false },
  { plans: 'hardware', folds: false },
  { plans: 'software', folds: true },
  { plans: 'hardware', folds: true },
];

/** Those of a case: where it asks for configurations, these as well. */
const waysOf = ({ also = [] }: Case): Omit<Way, 'item'>[] => [
  ...WAYS,
  ...also.flatMap(({ configuration }) =>
    configuration ? [{ plans: 'hardware', folds: false, configuration } as const] : [],
  ),
];

export const wayText = ({ plans, folds, configuration }: Omit<Way, 'item'>) =>
  [
    `plans of ${plans}`,
    ...(folds ? ['grids folded'] : []),
    ...(configuration ? [`products ${configuration}`] : []),
  ].join(', ');

/** Runs at once, after the first few, which mostly catch a mutant. */
const FIRST = 2;
const BATCH = 8;
/** After so many mutants a run that caught one must pass again unaltered. */
const CONTROL = 50;
/** What cases that are marked large are taken to last. */
const LARGE_MS = 5000;
/** NaN, and as an int32 or a bool a value that no case expects. */
const POISON = 0x7fc00000;

export class Bench {
  private device!: Device;
  private backend!: WebGpuBackend;
  /** A device that only says what compiles: a refused shader breaks the other one. */
  private checker!: GPUDevice;
  private readonly cases: readonly Case[];
  /** Called before each step with the milliseconds that it takes unaltered. */
  private readonly onStep: (ms: number) => void;
  private readonly references = new Map<number, { inputs: HostTensor[]; expected: Promise<Evaluation> }>();
  private runs: Run[] = [];
  /** Runs of the cases marked large, by case; found when first needed. */
  private readonly large = new Map<number, Run[]>();
  /** Whether runs pass unaltered with the last threads first. */
  private readonly turns = new Map<Run, boolean>();
  /** How many mutants of a file each run caught. */
  private readonly catches = new Map<string, Map<Run, number>>();
  private caught = 0;
  private renewing: Promise<void> | null = null;

  private constructor(cases: readonly Case[], onStep: (ms: number) => void) {
    this.cases = cases;
    this.onStep = onStep;
  }

  /** Opens the devices. Throws a DeviceError where there is no adapter. */
  static async open(cases: readonly Case[], onStep: (ms: number) => void = () => {}): Promise<Bench> {
    const bench = new Bench(cases, onStep);
    const { adapter } = await openAdapter();
    // With what shaders may ask for: else those that do would be taken for such as do not compile.
    const requiredFeatures = (['shader-f16', 'subgroups'] as const).filter((name) => adapter.features.has(name));
    bench.checker = await adapter.requestDevice({ requiredFeatures });
    await bench.renew();
    return bench;
  }

  close(): void {
    this.device.destroy();
    this.checker.destroy();
  }

  /** Takes what scans of the cases not marked large found, of this bench or of others. */
  begin(runs: Run[]): void {
    this.runs = runs;
  }

  /** Runs a case unaltered in every way, but for those that dispatch the same as one before. */
  async scan(item: number): Promise<Run[]> {
    const found = new Map<string, Run>();
    if (refusalOf(this.cases[item], this.device)) return [];
    for (const way of waysOf(this.cases[item])) {
      const uses = new Map<string, Use>();
      const signature = createHash('sha1');
      const begin = performance.now();
      const fault = await this.fault({ item, ...way }, (op, dispatch) => {
        const { shader, params, workgroups } = dispatch;
        const name = useName({ op, shader });
        if (!uses.has(name)) uses.set(name, { op, shader });
        signature.update(JSON.stringify([name, params, workgroups]));
        return dispatch;
      }).catch((error: Error) => error.message);
      const run = { item, ...way, ms: performance.now() - begin, uses: [...uses.values()], fault };
      const name = signature.digest('hex');
      if (!found.has(name)) found.set(name, run);
    }
    return [...found.values()];
  }

  /** Runs the cases that dispatch what the mutant alters, until one fails; with `large`, those marked so as a last resort. */
  async try(mutant: Mutant, large = false): Promise<Verdict> {
    const variants = new Variants(mutant);
    const runs = this.runs.filter((run) => variants.touches(run));
    const verdict = await this.attempt(variants, this.inOrder(mutant.file, runs));
    if (verdict.state !== 'survived') return verdict;
    const turned = await this.attempt(new Variants(mutant, true), await this.turnable(runs));
    if (turned.state === 'caught') return { ...turned, how: `last threads first: ${turned.how}` };
    if (!large) return verdict;
    const ops = new Set(runs.map(({ item }) => this.cases[item].op));
    for (const [item, { op, large }] of this.cases.entries()) {
      if (!large || !ops.has(op)) continue;
      this.onStep(LARGE_MS);
      if (!this.large.has(item)) this.large.set(item, await this.scan(item));
      const more = this.large.get(item)!.filter((run) => run.fault === null && variants.touches(run));
      const last = await this.attempt(variants, more);
      if (last.state === 'caught') return last;
    }
    return verdict;
  }

  /** Those of some runs in which threads have an order, and that pass unaltered where the last of them come first. */
  private async turnable(runs: Run[]): Promise<Run[]> {
    const found: Run[] = [];
    for (const run of runs.filter(({ uses }) => uses.some(({ shader }) => backwards(shader) !== shader))) {
      if (!this.turns.has(run)) {
        this.onStep(2 * run.ms);
        const fault = await this.fault(run, (_, { shader, ...rest }) => ({ ...rest, shader: backwards(shader) }));
        this.turns.set(run, fault === null);
      }
      if (this.turns.get(run)) found.push(run);
    }
    return found;
  }

  private async attempt(variants: Variants, runs: Run[]): Promise<Verdict> {
    try {
      return await this.catchIn(variants, runs);
    } catch (error) {
      if (error instanceof ShaderError) return { state: 'invalid', how: error.message };
      throw error;
    } finally {
      for (const shader of variants.all()) this.backend.forget(shader);
    }
  }

  private async catchIn(variants: Variants, runs: Run[]): Promise<Verdict> {
    let ran = 0;
    for (let at = 0; at < runs.length; ) {
      // The next read tells what is wrong in data, whosever it is: such a case runs alone.
      const alone = runs.slice(at).findIndex(({ item }) => this.cases[item].faults);
      const batch = runs.slice(at, at + Math.max(1, Math.min(at < FIRST ? 1 : BATCH, alone < 0 ? BATCH : alone)));
      at += batch.length;
      await this.prepare(batch);
      this.onStep(batch.reduce((total, { ms }) => total + ms, 0));
      const able: Run[] = [];
      for (const run of batch) {
        if (await variants.compile(run, (shader) => this.compiles(shader))) able.push(run);
      }
      ran += able.length;
      const exchange: Intercept = (op, { shader, ...rest }) => ({ ...rest, shader: variants.of({ op, shader }) });
      const faults = await Promise.all(able.map((run) => this.fault(run, exchange)));
      const first = faults.findIndex((fault) => fault !== null);
      if (first >= 0) {
        await this.note(variants.mutant.file, able[first]);
        return { state: 'caught', how: `${this.title(able[first])}: ${faults[first]}` };
      }
    }
    return { state: ran === 0 && runs.length > 0 ? 'invalid' : 'survived', how: `${ran} of ${runs.length} runs` };
  }

  /** Those first that caught the most mutants of the file, then those that take the least time. */
  private inOrder(file: string, runs: Run[]): Run[] {
    const catches = this.catches.get(file);
    const count = (run: Run) => catches?.get(run) ?? 0;
    return runs.sort((a, b) => count(b) - count(a) || a.ms - b.ms);
  }

  private async note(file: string, run: Run): Promise<void> {
    const catches = this.catches.get(file) ?? new Map<Run, number>();
    this.catches.set(file, catches.set(run, (catches.get(run) ?? 0) + 1));
    if (++this.caught % CONTROL > 0) return;
    const fault = await this.fault(run);
    if (fault !== null) throw new Error(`fails unaltered, after a mutant: ${this.title(run)}: ${fault}`);
    // The pipelines of the mutants so far go with their handles.
    (globalThis as { gc?: () => void }).gc?.();
  }

  private title({ item, ...way }: Way): string {
    const { op, title } = this.cases[item];
    return `${op}, ${title}, ${wayText(way)}`;
  }

  private async compiles({ source, preamble = '' }: Shader): Promise<boolean> {
    this.checker.pushErrorScope('validation');
    this.checker.createShaderModule({ code: preamble + source });
    return (await this.checker.popErrorScope()) === null;
  }

  /** What is wrong with the results of a run, or null. Rejects with a ShaderError where a shader does not compile. */
  private async fault(
    { item, plans, folds, configuration }: Way,
    intercept: Intercept = (_, same) => same,
  ): Promise<string | null> {
    const { device } = this;
    try {
      const one = this.cases[item];
      // Dispatches come before the first promise: runs side by side do not meet here.
      this.backend.traits.software = plans === 'software';
      this.backend.traits.choice = configuration === undefined ? undefined : () => configuration;
      this.backend.intercept = (op, dispatch) => intercept(op, folds ? folded(dispatch) : dispatch);
      if (one.faults) return await dataFault(one, device);
      const { inputs, expected } = this.reference(item);
      const actual = evaluate(one, one.run, inputs, device);
      return comparisons(one, await actual, await expected).find(({ fault }) => fault !== null)?.fault ?? null;
    } catch (error) {
      if (error instanceof DeviceError && device === this.device) {
        this.renewing ??= this.renew();
        await this.renewing;
      }
      if (error instanceof ShaderError) throw error;
      return (error as Error).message;
    }
  }

  /** Computes references that are missing: in a child that took the place of another, they count for no mutant. */
  private async prepare(runs: Run[]): Promise<void> {
    for (const { item } of runs) {
      if (this.cases[item].faults || this.references.has(item)) continue;
      this.onStep(LARGE_MS);
      await this.reference(item).expected;
    }
  }

  private reference(item: number) {
    let found = this.references.get(item);
    if (!found) {
      const one = this.cases[item];
      const inputs = inputsOf(one);
      const expected = evaluate(one, one.reference ?? one.run, inputs, cpuDevice());
      found = { inputs, expected };
      this.references.set(item, found);
    }
    return found;
  }

  /** A fresh device, whose memory holds no results of before: a kernel that writes nothing must not find them there. */
  private async renew(): Promise<void> {
    this.device?.destroy();
    this.device = await init();
    const { backend } = this.device;
    if (!(backend instanceof WebGpuBackend)) throw new DeviceError('mutants need WebGPU');
    this.backend = backend;
    const allocate = backend.allocate.bind(backend);
    backend.allocate = (...call) => {
      const buffer = allocate(...call);
      poison(backend, buffer);
      return buffer;
    };
    this.renewing = null;
  }
}

function poison(backend: WebGpuBackend, handle: Buffer): void {
  const length = handle.size / 4;
  const storage = { backend, handle, references: 1, version: 0 };
  const view = { storage, dtype: 'int32', shape: [length], strides: [1], offset: 0 } as const;
  backend.write(view, new Int32Array(length).fill(POISON));
}
