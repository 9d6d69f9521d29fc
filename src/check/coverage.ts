// Watches a device while it is checked: which ops and which variants of which shaders it runs.
import { type DispatchObserver, WebGpuBackend } from '../backends/webgpu/backend.ts';
import type { GpuTraits } from '../tensor/backend.ts';
import type { Device } from '../tensor/device.ts';
import { folded } from './fold.ts';
import type { ShaderReport } from './report.ts';

export class Coverage {
  /** Ops that ran; cleared by whoever wants to know it from then on. */
  readonly ops = new Set<string>();
  private readonly preambles = new Map<string, Set<string>>();
  private readonly backend: WebGpuBackend | null;
  /** What close() puts back. */
  private readonly before: Pick<WebGpuBackend, 'observer' | 'intercept'> & Pick<GpuTraits, 'software' | 'choice'>;

  /**
   * Until close(), `plans`: the kind of adapter that the device is to be planned for, `configuration`: what is chosen for
   * every class of calls that has a choice, and `folds`: whether grids are folded.
   */
  constructor(
    { backend }: Device,
    { plans, configuration, folds }: { plans?: 'software' | 'hardware'; configuration?: string; folds?: boolean } = {},
  ) {
    this.backend = backend instanceof WebGpuBackend ? backend : null;
    const { observer = null, intercept = null, traits } = this.backend ?? {};
    this.before = { observer, intercept, software: traits?.software ?? true, choice: traits?.choice };
    if (!this.backend) return;
    this.backend.observer = this.see;
    if (folds) this.backend.intercept = (_, dispatch) => folded(dispatch);
    if (configuration) this.backend.traits.choice = () => configuration;
    if (plans) this.backend.traits.software = plans === 'software';
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
