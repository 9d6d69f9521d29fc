// What every function on tensors refuses, in any argument: released tensors and tensors of another device. It does so in its
// own name, before it takes memory or random numbers. The calls are those of the kernel check.
import { randomState, scope, setDefaultDevice, Tensor } from 'downhill';
import { type Case, cases } from 'downhill/check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { cpuDevice } from '../src/backends/cpu/backend.ts';
import { inputsOf } from '../src/check/evaluate.ts';
import { type HostTensor, place } from '../src/check/values.ts';
import * as functions from '../src/ops/functions.ts';
import * as ops from '../src/ops/index.ts';
import * as penalties from '../src/ops/penalty.ts';
import { elementCount } from '../src/tensor/shape.ts';

const [device, other] = [cpuDevice(), cpuDevice()];
const depth = Error.stackTraceLimit;

beforeAll(() => {
  setDefaultDevice(device);
  Error.stackTraceLimit = 60;
});
afterAll(() => {
  Error.stackTraceLimit = depth;
});

/** Calls that run everywhere, on inputs that are made quickly. */
const usable = cases.filter(
  (c) =>
    !c.refuses &&
    !c.faults &&
    !c.needs &&
    !c.large &&
    !c.inputless &&
    !c.title.includes('sizes of 1') && // one call for each input
    inputsOf(c).every(({ shape }) => elementCount(shape) < 300),
);

/** Where within a case a function was called, which tells the call that throws from others that made its arguments. */
const siteOf = ({ stack = '' }: Error) =>
  stack
    .split('\n')
    .filter((line) => line.includes('/src/check/'))
    .join('\n');

const allocate = Tensor.allocate.bind(Tensor);

/** The error of a case whose input `k` is made otherwise, and how many tensors were made before by the call that threw. */
function refusal(item: Case, k: number, make: (host: HostTensor) => Tensor) {
  return scope(() => {
    const inputs = inputsOf(item).map((host, i) => (i === k ? make(host) : place(host, device)));
    const made: string[] = [];
    const spy = vi.spyOn(Tensor, 'allocate').mockImplementation((...args) => {
      made.push(siteOf(new Error()));
      return allocate(...args);
    });
    const { stream } = randomState();
    try {
      item.run(...inputs);
      return null;
    } catch (error) {
      const site = siteOf(error as Error);
      const taken = made.filter((at) => at === site).length;
      return { error: error as Error, taken, before: made.length, drawn: randomState().stream !== stream };
    } finally {
      spy.mockRestore();
    }
  });
}

interface Found {
  /** The functions that refused, by the names in their errors. */
  names: Set<string>;
  faults: string[];
}

/** Every input of every case made otherwise, one at a time. */
function refusals(items: Case[], make: (host: HostTensor) => Tensor, name: string, message: RegExp): Found {
  const found: Found = { names: new Set(), faults: [] };
  for (const item of items) {
    item.inputs.forEach((_, k) => {
      const refused = refusal(item, k, make);
      const fault = faultOf(refused, name, message);
      if (fault) found.faults.push(`${item.op}, ${item.title}, input ${k}: ${fault}`);
      if (refused) found.names.add(refused.error.message.split(':')[0]);
    });
  }
  return found;
}

function faultOf(refused: ReturnType<typeof refusal>, name: string, message: RegExp): string | null {
  if (!refused) return 'not refused';
  const { error, taken, before, drawn } = refused;
  if (error.name !== name || !message.test(error.message)) return `${error}`;
  // Cases copy what they update in place, one after the other.
  if (taken > 0 && !error.message.startsWith('contiguous:'))
    return `${taken} tensors were made before: ${error.message}`;
  return drawn && !before ? `random numbers were drawn before: ${error.message}` : null;
}

const exported = [ops, functions, penalties].flatMap((all) => Object.keys(all));

test('released tensors are refused by every function, in its own name', () => {
  const release = (host: HostTensor) => {
    const x = place(host, device);
    x.dispose();
    return x;
  };
  const { names, faults } = refusals(usable, release, 'ReleasedError', /^\w+: tensor .* was released by dispose/);
  expect(faults).toEqual([]);
  expect(exported.filter((name) => !names.has(name))).toEqual([]);
});

/** Cases of several calls, each on an input of its own. */
const APART = [
  'var, as many elements as are taken off, and fewer',
  'std, as many elements as are taken off, and fewer',
  'split, unbind of nothing',
  'amax, global pooling of rows',
  'mean, global pooling of rows',
  'scatterAdd, oneHot',
  'uniform, multinomial',
  'uniform, multinomial with replacement',
  'diagonal, no elements',
  'place, diag',
];

test('tensors of two devices are refused', () => {
  const together = usable.filter(({ op, title, inputs }) => inputs.length > 1 && !APART.includes(`${op}, ${title}`));
  const { faults } = refusals(together, (host) => place(host, other), 'ShapeError', /^\w+: inputs are on two devices/);
  expect(faults).toEqual([]);
});

test.each(Object.entries(ops))('what is no tensor is refused by %s', (name, op) => {
  for (const x of [null, undefined, 'x', [1, 2], { shape: [1] }]) {
    expect(() => (op as (...args: unknown[]) => unknown)(x, 1, 1)).toThrow(
      expect.objectContaining({ name: 'ShapeError', message: expect.stringMatching(`^${name}: expected .*tensor`) }),
    );
  }
});
