// What the tests of commands share: the command as a package of its own, run as a user runs it.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll } from 'vitest';

export interface Ended {
  code: number | null;
  stdout: string;
  lines: string[];
  stderr: string;
}

/** A folder below test/output/ with a build of its own, that neither waits for dist/ nor disturbs it. */
export function commandIn(name: string) {
  const output = resolve('test/output', name);
  beforeAll(async () => {
    await rm(output, { recursive: true, force: true });
    await mkdir(join(output, 'bin'), { recursive: true });
    // Modules below the folder find this copy by the name of the package.
    for (const file of ['package.json', 'bin/downhill.js']) await copyFile(file, join(output, file));
    await promisify(execFile)(process.execPath, ['tools/build.js', join(output, 'dist')]);
  });

  /** Runs the command in that folder, or another one, to its end; `watch` sees its output so far each time there is more. */
  function downhill(
    args: string[],
    watch?: (stdout: string, child: ChildProcess) => void,
    { cwd = output } = {},
  ): Promise<Ended> {
    const child = spawn(process.execPath, [join(output, 'bin/downhill.js'), ...args], {
      ...{ cwd, stdio: ['ignore', 'pipe', 'pipe'] },
    });
    const text = { stdout: '', stderr: '' };
    child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
      text.stdout += chunk;
      watch?.(text.stdout, child);
    });
    child.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
      text.stderr += chunk;
    });
    return new Promise((done, fail) => {
      child.on('error', fail);
      child.on('close', (code) => {
        // Dawn writes a word of its own on some adapters.
        const stderr = text.stderr.replace(/^Warning: max.*\n/gm, '');
        done({ code, stdout: text.stdout, lines: text.stdout.trimEnd().split('\n'), stderr });
      });
    });
  }
  return { out: (path: string) => join(output, path), downhill };
}

/** The lines of a run's metrics. */
export const metricsIn = async (folder: string) =>
  (await readFile(join(folder, 'metrics.jsonl'), 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
