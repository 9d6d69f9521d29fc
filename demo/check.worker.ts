// Runs the kernel check beside the page, which so stays responsive while the float64 reference computes.
import { type DeviceInfo, init } from 'downhill';
import { type KernelReport, kernelCheck, type OpReport } from 'downhill/check';

/** What the page asks for: these ops, or all. */
export interface Request {
  ops?: string[];
}

/** What the worker tells: its device, each op as it is done, and the whole report; or what went wrong. */
export type Message =
  | { device: DeviceInfo }
  | { row: OpReport; done: number; total: number }
  | { report: KernelReport }
  | { error: string };

const tell = (message: Message) => postMessage(message);
const tellError = (error: unknown) => tell({ error: error instanceof Error ? error.message : String(error) });

const opening = init();
opening.then(({ info }) => tell({ device: info }), tellError);

addEventListener('message', async ({ data }: MessageEvent<Request>) => {
  try {
    const onProgress = (row: OpReport, done: number, total: number) => tell({ row, done, total });
    tell({ report: await kernelCheck(await opening, { ops: data.ops, onProgress }) });
  } catch (error) {
    tellError(error);
  }
});
