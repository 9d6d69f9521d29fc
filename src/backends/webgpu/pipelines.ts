// From WGSL to pipelines: compiled once, asynchronously, with errors that show file, line and source text.
import type { Shader } from '../../tensor/backend.ts';
import { ShaderError } from '../../tensor/errors.ts';
import { withHalves } from './halves.ts';

/** A pipeline that compiles; `ready` is set when it is done. */
export interface Pipeline {
  /** Stands for the pipeline in hashes. */
  id: number;
  file: string;
  layout: BindLayout;
  ready: GPUComputePipeline | null;
  /** Resolves when ready is set; rejects with a ShaderError. */
  compiled: Promise<void>;
}

/** The bindings of a dispatch: read-only inputs, outputs, one uniform block with a dynamic offset, and what fusion adds behind it. */
export interface BindLayout {
  key: string;
  group: GPUBindGroupLayout;
  pipeline: GPUPipelineLayout;
}

/** Size of the window on the uniform buffer that a dispatch sees, and its alignment. */
export const UNIFORM_BYTES = 256;

export class Pipelines {
  private readonly device: GPUDevice;
  private readonly cache = new Map<Shader['source'], Map<string, Pipeline>>();
  private nextId = 1;
  private readonly layouts = new Map<string, BindLayout>();

  constructor(device: GPUDevice) {
    this.device = device;
  }

  /** `more`: reads and writes bound behind the uniform block. */
  get(shader: Shader, reads: number, writes: number, more: [reads: number, writes: number] = [0, 0]): Pipeline {
    let variants = this.cache.get(shader.source);
    if (!variants) {
      variants = new Map();
      this.cache.set(shader.source, variants);
    }
    const variant = variantOf(shader);
    let pipeline = variants.get(variant);
    if (!pipeline) {
      pipeline = this.compile(shader, this.layout(reads, writes, more));
      variants.set(variant, pipeline);
    }
    return pipeline;
  }

  /** Drops the pipeline of a shader. */
  forget(shader: Shader): void {
    const variants = this.cache.get(shader.source);
    variants?.delete(variantOf(shader));
    if (variants?.size === 0) this.cache.delete(shader.source);
  }

  private compile({ file, source, preamble = '', halves = [] }: Shader, layout: BindLayout): Pipeline {
    const { device } = this;
    device.pushErrorScope('validation');
    const module = device.createShaderModule({ label: file, code: withHalves(preamble + source, halves) });
    const invalid = device.popErrorScope();
    const build = async () => {
      const [error, pipeline] = await Promise.all([
        invalid,
        device
          .createComputePipelineAsync({ label: file, layout: layout.pipeline, compute: { module, entryPoint: 'main' } })
          .catch((reason: Error) => reason),
      ]);
      if (error || pipeline instanceof Error) {
        const { messages } = await module.getCompilationInfo();
        throw new ShaderError(describe(file, preamble, source, messages, error?.message ?? String(pipeline)));
      }
      entry.ready = pipeline as GPUComputePipeline;
    };
    const entry: Pipeline = { id: this.nextId++, file, layout, ready: null, compiled: build() };
    entry.compiled.catch(() => {}); // reported to whoever waits for it
    return entry;
  }

  private layout(reads: number, writes: number, [moreReads, moreWrites]: [number, number]): BindLayout {
    const key = `${reads}.${writes}.${moreReads}.${moreWrites}`;
    let layout = this.layouts.get(key);
    if (!layout) {
      const read = { type: 'read-only-storage' } as const;
      const written = { type: 'storage' } as const;
      const uniform = { type: 'uniform', hasDynamicOffset: true, minBindingSize: 0 } as const;
      const buffers: GPUBufferBindingLayout[] = [
        ...Array(reads).fill(read),
        ...Array(writes).fill(written),
        uniform,
        ...Array(moreReads).fill(read),
        ...Array(moreWrites).fill(written),
      ];
      const entries = buffers.map((buffer, binding) => ({ binding, visibility: GPUShaderStage.COMPUTE, buffer }));
      const group = this.device.createBindGroupLayout({ label: key, entries });
      layout = { key, group, pipeline: this.device.createPipelineLayout({ label: key, bindGroupLayouts: [group] }) };
      this.layouts.set(key, layout);
    }
    return layout;
  }
}

/** What tells the shaders of one source apart. */
const variantOf = ({ preamble = '', halves }: Shader) => (halves ? `${halves}\n${preamble}` : preamble);

/** One line per message, with the source line it points at. Lines of the preamble count from the front as `preamble`. */
function describe(
  file: string,
  preamble: string,
  source: string,
  messages: readonly GPUCompilationMessage[],
  fallback: string,
): string {
  const lines = (preamble + source).split('\n');
  const lead = preamble.split('\n').length - 1;
  const errors = messages.filter((m) => m.type === 'error');
  if (errors.length === 0) return `${file}: ${fallback}`;
  return errors
    .map(({ lineNum, linePos, message }) => {
      const place =
        lineNum > lead ? `${file}:${lineNum - lead}:${linePos}` : `${file} (preamble):${lineNum}:${linePos}`;
      return `${place}: ${message}\n    ${lines[lineNum - 1]?.trim() ?? ''}`;
    })
    .join('\n');
}
