// The parent's end of a library's process: requests go down pipe 3 as lines of JSON, answers come up pipe 4.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { InitOptions } from 'downhill';
import { Unable } from './libraries/library.ts';
import type { Peaks } from './peaks.ts';
import type { SentData } from './workloads/data.ts';
import type { Workload } from './workloads/workload.ts';

export type LibraryName = 'downhill' | 'tfjs' | 'jax' | 'torch' | 'reference';

export type Request =
  | { do: 'open'; library: LibraryName; adapter: InitOptions['adapter'] }
  | { do: 'peaks' }
  /** `spec` is for a library that does not share this code. */
  | { do: 'prepare'; workload: string; spec: Workload; data: SentData | null }
  | { do: 'values'; workload: string }
  | { do: 'sample'; inner: number }
  | { do: 'counts' };

export interface Opened {
  version: string;
  adapter: string;
  software: boolean;
}

/** Milliseconds: of a step among others, of JavaScript until its commands were handed over, of a step with its wait. */
export interface Sample {
  ms: number;
  js: number;
  alone: number;
}

export interface Counts {
  dispatches: number | null;
  submits: number | null;
  peakBytes: number | null;
}

interface Results {
  open: Opened;
  peaks: Peaks;
  prepare: { firstMs: number };
  values: Record<string, number[]>;
  sample: Sample;
  counts: Counts;
}

export type Reply = { result: unknown } | { unable: string } | { error: string; stack?: string };

/** What starts a library's process. */
export interface Command {
  command: string;
  args: string[];
}

/** Shaders compiled before would make a first step look quick. The environment may set it otherwise. */
const NO_SHADER_CACHES = { MESA_SHADER_CACHE_DISABLE: 'true', __GL_SHADER_DISK_CACHE: '0' };

export class Session {
  private readonly process: ChildProcess;
  private readonly ended: Promise<string>;
  private complaints = '';
  private readonly lines: AsyncIterator<string>;

  constructor({ command, args }: Command) {
    this.process = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
      env: { ...NO_SHADER_CACHES, ...process.env },
    });
    for (const stream of [this.process.stdout!, this.process.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.complaints = (this.complaints + text).slice(-2000);
      });
    }
    this.ended = new Promise((resolve) => {
      this.process.on('error', (error) => resolve(error.message));
      this.process.on('close', (code, signal) => resolve(`its process ended (${signal ?? code})`));
    });
    const [, , , requests, replies] = this.process.stdio;
    requests!.on('error', () => {}); // the end of the process tells more
    this.lines = createInterface({ input: replies as Readable })[Symbol.asyncIterator]();
  }

  /** Rejects with an Unable where the library cannot do it, with an Error where it failed, was too slow or died. */
  async request<R extends Request>(request: R, seconds = 600): Promise<Results[R['do']]> {
    (this.process.stdio[3] as Writable).write(`${JSON.stringify(request)}\n`);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer to ${request.do} within ${seconds} s`)), seconds * 1000);
    });
    const gone = this.ended.then((how) => {
      throw new Error(`${how}${this.complaints && `: ${this.complaints.trim()}`}`);
    });
    try {
      const { value } = await Promise.race([this.lines.next().then((line) => (line.done ? gone : line)), gone, late]);
      const reply = JSON.parse(value) as Reply;
      if ('result' in reply) return reply.result as Results[R['do']];
      if ('unable' in reply) throw new Unable(reply.unable);
      throw Object.assign(new Error(reply.error), { stack: reply.stack ?? reply.error });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the process; what the device had was its own. */
  async close(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.ended;
  }
}
