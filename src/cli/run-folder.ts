// The folder of a training run: files appear whole or not at all, metrics line by line.
import { closeSync, constants, existsSync, openSync, writeSync } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder, writeWhole } from '../io/files.node.ts';
import { outError, writeOut } from './out.ts';

const line = (entry: object) => `${JSON.stringify(entry)}\n`;

export class RunFolder {
  readonly path: string;
  private metrics: number | null = null;

  private constructor(path: string) {
    this.path = path;
  }

  /** Makes the folder, or takes one that is there, of which nothing is changed yet. Throws a UserError where it cannot. */
  static async at(path: string): Promise<RunFolder> {
    try {
      await makeFolder(path);
      await access(path, constants.W_OK);
      return new RunFolder(path);
    } catch (error) {
      throw outError(path, error);
    }
  }

  /** Begins the metrics anew, with these lines. Throws a UserError where they cannot be written. */
  async begin(lines: readonly object[] = []): Promise<void> {
    const metrics = join(this.path, 'metrics.jsonl');
    try {
      await writeWhole(metrics, lines.map(line).join(''));
      this.metrics = openSync(metrics, 'a');
    } catch (error) {
      throw outError(metrics, error);
    }
  }

  /** A folder of its own under runs/, named after the present second: mnist-20261121-213005, with -2 where that is taken. */
  static async fresh(dataset: string, now = new Date()): Promise<RunFolder> {
    const base = join('runs', `${dataset}-${stamp(now)}`);
    for (let n = 1; ; n++) {
      const path = n === 1 ? base : `${base}-${n}`;
      try {
        await makeFolder('runs');
        await mkdir(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EEXIST' && existsSync(path)) continue;
        throw outError(path, error);
      }
      return RunFolder.at(path);
    }
  }

  /** Whether the metrics are those of this run. */
  get begun(): boolean {
    return this.metrics !== null;
  }

  /** Appends one line of JSON to metrics.jsonl, which has begun. */
  log(entry: object): void {
    try {
      writeSync(this.metrics!, line(entry));
    } catch (error) {
      throw outError(join(this.path, 'metrics.jsonl'), error);
    }
  }

  /** Puts a file into the folder, whole or not at all. */
  async write(name: string, content: string | Uint8Array): Promise<void> {
    await writeOut(join(this.path, name), content);
  }

  close(): void {
    if (this.metrics !== null) closeSync(this.metrics);
  }
}

/** Local time as 20261121-213005. */
export function stamp(time: Date): string {
  const two = (n: number) => String(n).padStart(2, '0');
  const date = [time.getFullYear(), time.getMonth() + 1, time.getDate()].map(two).join('');
  return `${date}-${[time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join('')}`;
}
