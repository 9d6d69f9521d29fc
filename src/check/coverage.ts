// Watches a device while it is checked: which ops and which variants of which shaders it runs.
import { type DispatchObserver, WebGpuBackend } from '../backends/webgpu/backend.ts';
import type { GpuTraits } from '../tensor/backend.ts';
import type { Device } from '../tensor/device.ts';
import type { Planned } from './case.ts';
import { folded } from './fold.ts';
import type { ShaderReport } from './report.ts';

function replan(traits: GpuTraits, { plans, configuration }: Planned): void {
  if (configuration) traits.choice = () => configuration;
  if (plans) traits.software = plans === 'software';
}

export class Coverage {
  /** Ops that ran; cleared by whoever wants to know it from then on. */
  readonly ops = new Set<string>();
  private readonly preambles = new Map<string, Set<string>>();
  private readonly backend: WebGpuBackend | null;
  /** What close() puts back. */
  private readonly before: Pick<WebGpuBackend, 'observer' | 'intercept'> & Pick<GpuTraits, 'software' | 'choice'>;

  /** Until close() the device has these plans; `folds`: whether grids are folded. */
  constructor({ backend }: Device, { folds, ...planned }: Planned & { folds?: boolean } = {}) {
    this.backend = backend instanceof WebGpuBackend ? backend : null;
    const { observer = null, intercept = null, traits } = this.backend ?? {};
    this.before = { observer, intercept, software: traits?.software ?? true, choice: traits?.choice };
    if (!this.backend) return;
    this.backend.observer = this.see;
    if (folds) this.backend.intercept = (_, dispatch) => folded(dispatch);
    replan(this.backend.traits, planned);
  }

  /** Runs `work`, which must be synchronous, with other plans. */
  with<T>(planned: Planned, work: () => T): T {
    if (!this.backend) return work();
    const { traits } = this.backend;
    const { software, choice } = traits;
    try {
      replan(traits, planned);
      return work();
    } finally {
      traits.software = software;
      traits.choice = choice;
    }
  }

  /** Whether the device can be watched; the CPU runs no shaders. */
  get watching(): boolean {
    return this.backend !== null;
  }

  private readonly see: DispatchObserver = (op, file, preamble) => {
    this.before.observer?.(op, file, preamble);
    this.ops.add(op);
    const seen = this.preambles.get(file);
    if (seen) seen.add(preamble);
    else this.preambles.set(file, new Set([preamble]));
  };

  /** The shader files that ran, sorted. */
  shaders(): ShaderReport[] {
    const files = [...this.preambles].map(([file, preambles]) => ({ file, variants: preambles.size }));
    return files.sort((a, b) => (a.file < b.file ? -1 : 1));
  }

  close(): void {
    if (!this.backend) return;
    this.backend.observer = this.before.observer;
    this.backend.intercept = this.before.intercept;
    this.backend.traits.software = this.before.software;
    this.backend.traits.choice = this.before.choice;
  }
}
