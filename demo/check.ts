// The kernel check page: a table that grows op by op, a verdict, and the report as a JSON file.
import type { DeviceInfo } from 'downhill';
import { errorText, failureText, type KernelReport, type OpReport, ulpText } from 'downhill/check';
import type { Message, Request } from './check.worker.ts';
import { byId, showAdapter, showFailure, showNoDevice } from './dom.ts';

type State = 'opening' | 'ready' | 'running' | 'done' | 'failed';

const SHOWN_SHAPES = 5;

const content = byId('content');
const start = byId<HTMLButtonElement>('start');
const download = byId<HTMLButtonElement>('download');
const progress = byId<HTMLProgressElement>('progress');
const verdict = byId('verdict');
const rows = byId<HTMLTableSectionElement>('rows');

let device: DeviceInfo | null = null;
let report: KernelReport | null = null;

function setState(state: State, status: string): void {
  content.dataset.state = state;
  start.disabled = state !== 'ready' && state !== 'done';
  download.disabled = report === null;
  byId('status').textContent = status;
}

function cell(text: string, className = '', tag: 'td' | 'th' = 'td'): HTMLTableCellElement {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = className;
  return made;
}

function showVerdict(element: HTMLElement, passed: boolean, text: string): void {
  element.className = 'verdict';
  element.dataset.passed = String(passed);
  element.textContent = text;
}

/** A limit's name as words: maxComputeWorkgroupSizeX is the workgroup size X. */
const limitName = (name: string) =>
  name
    .replace(/^max(Compute)?/, '')
    .replace(/(?<=.)[A-Z](?=[a-z])/g, (letter) => ` ${letter.toLowerCase()}`)
    .replace(/(?<=[a-z])[A-Z]$/, ' $&');

/** Sizes are in bytes, all other limits are counts. */
const limitText = (name: string, limit: number) =>
  !name.endsWith('Size')
    ? limit.toLocaleString()
    : limit < 2 ** 20
      ? `${(limit / 2 ** 10).toLocaleString()} KiB`
      : `${(limit / 2 ** 20).toLocaleString()} MiB`;

/** Shows driver, features and limits of the device: what the report holds. */
function showFacts({ vendor, architecture, device, adapter, driver, features = [], limits = {} }: DeviceInfo): void {
  const facts = [
    ['Adapter', [vendor, architecture, device].filter(Boolean).join(', ') || adapter, 'wide'],
    ['Driver', driver || 'not told by this browser', 'wide'],
    ['Features', features.join(', ') || 'none', 'wide'],
    ...Object.entries(limits).map(([name, limit]) => [limitName(name), limitText(name, limit), '']),
  ];
  byId('facts').replaceChildren(
    ...facts.map(([name, value, className]) => {
      const entry = Object.assign(document.createElement('div'), { className });
      entry.append(
        ...[name, value].map((textContent, i) =>
          Object.assign(document.createElement(i === 0 ? 'dt' : 'dd'), { textContent }),
        ),
      );
      return entry;
    }),
  );
  byId('about').hidden = false;
}

/** The shapes of several inputs apart from each other: [2,3] [3]. */
const spaced = (shapes: string) => shapes.replaceAll('][', '] [');

function addRow(report: OpReport): void {
  const { op, cases, shapes, forwardError, forwardUlp, gradientError, gradcheckError, failures, passed } = report;
  const row = rows.insertRow();
  row.dataset.passed = String(passed);
  const name = cell(op, '', 'th');
  name.scope = 'row';
  const more = shapes.length - SHOWN_SHAPES;
  const tried = cell(
    shapes.slice(0, SHOWN_SHAPES).map(spaced).join(', ') + (more > 0 ? ` and ${more} more` : ''),
    'shapes',
  );
  tried.title = shapes.join('\n');
  const verdictCell = cell('');
  const mark = document.createElement('span');
  showVerdict(mark, passed, passed ? 'ok' : 'failed');
  verdictCell.append(mark);
  row.append(name, cell(String(cases), 'number cases'), tried);
  row.append(cell(errorText(forwardError), 'number'), cell(ulpText(forwardUlp), 'number reference'));
  row.append(cell(errorText(gradientError), 'number'), cell(errorText(gradcheckError), 'number reference'));
  row.append(verdictCell);
  if (failures.length === 0) return;
  const detail = rows.insertRow();
  detail.className = 'detail';
  const text = failures.map(failureText).join('\n');
  detail.append(Object.assign(cell(text), { colSpan: row.cells.length }));
}

function finish(finished: KernelReport): void {
  report = finished;
  const { ops, passed, seconds, shaders } = finished;
  const failed = ops.filter((op) => !op.passed).length;
  const cases = ops.reduce((n, op) => n + op.cases, 0);
  showVerdict(verdict, passed, passed ? `All ${ops.length} ops are right` : `${failed} of ${ops.length} ops failed`);
  verdict.hidden = false;
  setState('done', `${ops.length} ops, ${cases} cases, ${shaders.length} shaders, ${seconds.toFixed(1)} s`);
}

/** Saves the report, with the browser that it is about. */
function save(): void {
  const about = { date: new Date().toISOString(), userAgent: navigator.userAgent };
  // JSON has no infinity, which stands for an error beyond measure.
  const finite = (_: string, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
  const file = new Blob([JSON.stringify({ ...about, ...report }, finite, 2)], { type: 'application/json' });
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = 'downhill-check.json';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function fail(title: string, error: string): void {
  setState('failed', 'Stopped');
  showFailure(title, error);
}

const worker = new Worker(new URL('./check.worker.ts', import.meta.url), { type: 'module' });
worker.addEventListener('error', (event) =>
  fail('The check could not be started', event.message || 'its worker was not loaded'),
);
worker.addEventListener('message', ({ data }: MessageEvent<Message>) => {
  if ('device' in data) {
    device = data.device;
    showAdapter(device);
    showFacts(device);
    setState('ready', 'Ready: on a GPU this takes seconds, on a software adapter a minute or more');
  } else if ('row' in data) {
    addRow(data.row);
    progress.value = data.done / data.total;
    setState('running', `${data.done} of ${data.total} ops`);
  } else if ('report' in data) finish(data.report);
  else if (device) fail('The check stopped', data.error);
  else showNoDevice(data.error);
});

start.addEventListener('click', () => {
  report = null;
  rows.replaceChildren();
  verdict.hidden = true;
  progress.value = 0;
  setState('running', 'Compiling shaders');
  // ?ops=matmul,conv2d checks these alone.
  const ops = new URLSearchParams(location.search).get('ops')?.split(',');
  worker.postMessage({ ops } satisfies Request);
});
download.addEventListener('click', save);
