// One library in a process of its own: takes requests one after another and answers each. See session.ts for the other end.
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { type Device, init } from 'downhill';
import { type Library, type Prepared, prepare, Unable } from './libraries/library.ts';
import { measurePeaks } from './peaks.ts';
import { counts, errors, sameAdapter, watchDawn } from './probe.ts';
import type { Opened, Reply, Request, Sample } from './session.ts';
import { dataOf, workloadOf } from './workloads/data.ts';
import { spread } from './workloads/values.ts';
import type { Workload } from './workloads/workload.ts';

/** Steps whose losses are compared before the parameters are. */
const CHECKED_STEPS = 3;
const CHECKED_ELEMENTS = 4096;

let load: () => Promise<Library>;
let library: Library;
let device: Device;
let prepared: Prepared;
let steps = 0;

const handlers: { [K in Request['do']]: (request: Request & { do: K }) => Promise<unknown> } = {
  async open({ library: name, adapter }): Promise<Opened> {
    if (name === 'reference') device = await init({ device: 'cpu' });
    else {
      watchDawn();
      device = await init({ adapter });
      if (name !== 'downhill') {
        device.destroy();
        Object.assign(counts, { bytes: 0, peak: 0 });
      }
    }
    // The peers ask the navigator, as in a browser, and get the adapter that downhill chose.
    const gpu = { requestAdapter: sameAdapter, getPreferredCanvasFormat: () => 'bgra8unorm' };
    Object.defineProperty(globalThis, 'navigator', { value: { gpu, userAgent: 'Node' }, configurable: true });
    library = await load();
    return { version: library.version, adapter: String(device), software: device.info.software };
  },

  async peaks() {
    return measurePeaks(await sameAdapter());
  },

  /** Makes it ready and runs the first step. What is timed begins with the inputs on the device. */
  async prepare({ workload: id, data }): Promise<{ firstMs: number }> {
    const workload = workloadOf(id);
    prepared = await prepare(library, workload, data ? dataOf(data) : null);
    const { elapsed } = await run(1);
    return { firstMs: elapsed };
  },

  /** The values to be checked, after the first step; of a training workload after two more. */
  async values({ workload: id }): Promise<Record<string, number[]>> {
    const workload = workloadOf(id);
    return workload.kind === 'op' ? outputOf(workload) : trainedValues(workload);
  },

  async sample({ inner }): Promise<Sample> {
    const { elapsed, js } = await run(1);
    // Steps one after another, waited for at the end: what a training loop sees that reads its loss now and then.
    const ms = inner > 1 ? (await run(inner)).elapsed / inner : elapsed;
    return { ms, js, alone: elapsed };
  },

  /** Dispatches and submits of one step, without those of waiting for it. */
  async counts() {
    const before = { ...counts };
    prepared.step(steps++);
    const after = { ...counts };
    await prepared.finish();
    return {
      dispatches: after.dispatches - before.dispatches,
      submits: after.submits - before.submits,
      peakBytes: counts.peak,
    };
  },
};

async function run(count: number): Promise<{ elapsed: number; js: number }> {
  const began = performance.now();
  for (let i = 0; i < count; i++) prepared.step(steps++);
  const js = performance.now() - began;
  await prepared.finish();
  return { elapsed: performance.now() - began, js };
}

async function outputOf(workload: Workload & { kind: 'op' }): Promise<Record<string, number[]>> {
  const { checked } = device.kind === 'cpu' && workload.reference ? workload.reference : workload;
  const out = await prepared.result();
  return { out: checked.map((i) => out[i]) };
}

async function trainedValues({ network: { params } }: Workload & { kind: 'train' }): Promise<Record<string, number[]>> {
  const found: Record<string, number[]> = {};
  for (let step = 1; ; step++) {
    found[`loss ${step}`] = Array.from(await prepared.result());
    if (step === CHECKED_STEPS) break;
    await run(1);
  }
  const parameters = await prepared.parameters();
  const some = (values: ArrayLike<number>) => spread(values.length, CHECKED_ELEMENTS).map((i) => values[i]);
  parameters.forEach((values, p) => {
    const { name } = params[p];
    found[`parameter ${name}`] = some(values);
  });
  return found;
}

/** Answers requests until the parent closes the pipe. `open` loads the library, after the navigator has its GPU. */
export async function serve(open: () => Promise<Library>): Promise<void> {
  load = open;
  const input = createInterface({ input: new Socket({ fd: 3, readable: true, writable: false }) });
  const output = new Socket({ fd: 4, readable: false, writable: true });
  for await (const line of input) {
    const request = JSON.parse(line) as Request;
    let reply: Reply;
    try {
      const result = await (handlers[request.do] as (r: Request) => Promise<unknown>)(request);
      if (errors.length > 0) throw new Error(`WebGPU: ${errors[0]}`);
      reply = { result };
    } catch (error) {
      const { message, stack } = error as Error;
      reply = error instanceof Unable ? { unable: message } : { error: message, stack };
    }
    output.write(`${JSON.stringify(reply)}\n`);
  }
  // Dawn may keep threads that nothing waits for.
  process.exit(0);
}
