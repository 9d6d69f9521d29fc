// Event files, read back by a reader of its own: frames and checksums by the published vectors, messages field by field.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BinaryReader, type WireType } from '@bufbuild/protobuf/wire';
import { init, manualSeed, nn, randn, tensor } from 'downhill';
import { decode } from 'fast-png';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EventFile } from '../src/io/tensorboard.node.ts';
import { crc32c, maskedCrc32c } from '../src/io/tensorboard-crc.ts';
import { filterImage, tensorBoard } from '../src/train/monitor-tensorboard.node.ts';
import { layerOf, monitored } from './monitored.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'downhill-events-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const bytes = (text: string) => new TextEncoder().encode(text);

/** CRC-32C bit by bit, to hold the table against. */
function slowCrc(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

/** Masked by the definition, in whole numbers without bits cut off. */
const slowMasked = (data: Uint8Array) => {
  const crc = BigInt(slowCrc(data));
  return Number((((crc >> 15n) | ((crc << 17n) & 0xffffffffn)) + 0xa282ead8n) & 0xffffffffn);
};

/** The data of all records; throws where a checksum or a length is wrong. */
function recordsIn(path: string): Uint8Array[] {
  const file = readFileSync(path);
  const records: Uint8Array[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    expect(file.readUInt32LE(at + 8)).toBe(slowMasked(file.subarray(at, at + 8)));
    const data = file.subarray(at + 12, at + 12 + length);
    expect(file.readUInt32LE(at + 12 + length)).toBe(slowMasked(data));
    records.push(data);
    at += length + 16;
  }
  return records;
}

/** All fields of a message: by number, in order; a message or string within is left as bytes. */
function fieldsOf(data: Uint8Array): Record<number, (number | Uint8Array)[]> {
  const reader = new BinaryReader(data);
  const read: Partial<Record<WireType, () => number | Uint8Array>> = {
    0: () => Number(reader.int64()),
    1: () => reader.double(),
    2: () => reader.bytes(),
    5: () => reader.float(),
  };
  const fields: Record<number, (number | Uint8Array)[]> = {};
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    fields[field] = [...(fields[field] ?? []), read[type]!()];
  }
  return fields;
}

const text = (value: number | Uint8Array) => new TextDecoder().decode(value as Uint8Array);
const doubles = (value: number | Uint8Array) => {
  const data = Uint8Array.from(value as Uint8Array);
  return Array.from(new Float64Array(data.buffer));
};

/** Values by step and tag, as fields. */
function valuesIn(path: string) {
  const [first, ...rest] = recordsIn(path).map(fieldsOf);
  expect(text(first[3][0])).toBe('brain.Event:2');
  return rest.flatMap(({ 1: [time], 2: [step], 5: [summary] }) =>
    fieldsOf(summary as Uint8Array)[1].map((value) => {
      const fields = fieldsOf(value as Uint8Array);
      return { time: time as number, step: step as number, tag: text(fields[1][0]), fields };
    }),
  );
}

describe('checksums', () => {
  // The vectors of RFC 3720, appendix B.4, and the usual check value.
  test.each([
    ['123456789', bytes('123456789'), 0xe3069283],
    ['32 zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 times 255', new Uint8Array(32).fill(255), 0x62a8ab43],
    ['0 to 31', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['31 to 0', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
  ])('of %s', (_, data, crc) => {
    expect(crc32c(data)).toBe(crc);
    expect(slowCrc(data)).toBe(crc);
    expect(maskedCrc32c(data)).toBe(slowMasked(data));
  });
});

test('scalars, histograms and images come back as they were', () => {
  const file = new EventFile(join(folder, 'deep', 'er'), 1_700_000_000_500);
  expect(file.path).toMatch(/events\.out\.tfevents\.1700000000\.downhill$/);
  const png = Uint8Array.of(1, 2, 3);
  const histogram = { min: -1, max: 2, count: 3, sum: 1.5, squares: 4.25, limits: [0.5, 2], counts: [1, 2] };
  file.add(7, [{ tag: 'loss', scalar: 0.25 }], 1_700_000_001_000);
  file.add(2 ** 40, [
    { tag: 'h', histogram },
    { tag: 'i', image: { width: 4, height: 5, channels: 3, png } },
  ]);
  file.add(9, []);
  const [loss, h, i, ...more] = valuesIn(file.path);
  expect(more).toEqual([]);
  expect(loss).toMatchObject({ step: 7, time: 1_700_000_001, tag: 'loss', fields: { 2: [0.25] } });
  expect(h.step).toBe(2 ** 40);
  const inner = fieldsOf(h.fields[5][0] as Uint8Array);
  expect([1, 2, 3, 4, 5].map((field) => inner[field][0])).toEqual([-1, 2, 3, 1.5, 4.25]);
  expect([doubles(inner[6][0]), doubles(inner[7][0])]).toEqual([
    [0.5, 2],
    [1, 2],
  ]);
  const image = fieldsOf(i.fields[4][0] as Uint8Array);
  expect([image[1][0], image[2][0], image[3][0]]).toEqual([5, 4, 3]);
  expect(Array.from(image[4][0] as Uint8Array)).toEqual([1, 2, 3]);
});

test('two files of one second do not write into each other', () => {
  const [first, second] = [new EventFile(folder, 1000), new EventFile(folder, 1000)];
  first.add(1, [{ tag: 'a', scalar: 1 }]);
  expect(readdirSync(folder)).toHaveLength(2);
  expect(recordsIn(second.path)).toHaveLength(1);
});

test('a run with monitors: curves, histograms of layers, filters as a picture', async () => {
  await init({ device: 'cpu' });
  manualSeed(1);
  const model = new nn.Sequential(new nn.Conv2d(1, 4, 3), new nn.ReLU(), new nn.Flatten(), new nn.Linear(16, 3));
  const board = tensorBoard(folder);
  const y = tensor(Int32Array.of(0, 1, 2, 0, 1));
  const { probes } = await monitored(model, randn([5, 1, 4, 4]), y, { steps: 2, write: board.write });
  const training = { model, step: 2, steps: 2, epoch: 1, stepsPerEpoch: 2, stop() {} } as never;
  const step = {
    step: 2,
    steps: 2,
    epoch: 1,
    loss: 0.5,
    accuracy: 0.75,
    lr: 0.125,
    imagesPerSecond: 10,
    secondsLeft: 0,
  };
  await board.onStep!(step, training);
  const epoch = { epoch: 1, trainLoss: 1, trainAccuracy: 0.5, validationLoss: 2, validationAccuracy: null, seconds: 1 };
  await board.onEpoch!(epoch, training);

  const values = valuesIn(board.path);
  const scalar = (tag: string, step: number) =>
    values.find((value) => value.tag === tag && value.step === step)?.fields[2]?.[0];
  expect(scalar('loss/step', 2)).toBe(0.5);
  expect(scalar('rate/learning rate', 2)).toBe(0.125);
  expect(scalar('loss/validation', 2)).toBe(2);
  expect(scalar('accuracy/validation', 2)).toBeUndefined();
  const { activation, dead } = layerOf(probes[1], '1');
  expect(scalar('outputs std/1 ReLU', 2)).toBeCloseTo(activation.std!, 5);
  expect(scalar('dead/1 ReLU', 2)).toBe(dead!.length / 4);
  const [conv] = probes[1].parameters;
  expect(scalar('updates/0.weight', 2)).toBeCloseTo(conv.update! / conv.weight!, 6);
  const histogram = values.find(({ tag, step }) => tag === 'outputs/1 ReLU' && step === 2)!;
  const fields = fieldsOf(histogram.fields[5][0] as Uint8Array);
  expect(doubles(fields[7][0])).toEqual(activation.histogram!.counts);
  const limits = doubles(fields[6][0]);
  expect(limits).toEqual(limits.toSorted((a, b) => a - b));
  expect(limits.at(-1)).toBe(activation.histogram!.max);
  const total = fields[3][0] as number;
  expect(total).toBe(5 * 4 * 2 * 2);
  expect(fields[4][0]).toBeCloseTo(activation.mean! * total, 3);
  const image = fieldsOf(values.find(({ tag }) => tag === 'filters/0')!.fields[4][0] as Uint8Array);
  const { width, height, channels } = decode(image[4][0] as Uint8Array);
  expect([height, width, channels]).toEqual([image[1][0], image[2][0], 3]);
});

test('filters as a picture: each weight in its place, grey for 0, colours of three channels', () => {
  // Two filters of 1 by 2 weights in one channel, side by side, each weight 16 pixels wide.
  const grey = filterImage({ shape: [2, 1, 1, 2], data: [-1, 0, 0.5, 1] });
  expect([grey.width, grey.height]).toEqual([2 * (32 + 2), 16 + 2]);
  const { data, width } = decode(grey.png);
  const pixel = (x: number, y: number) => Array.from(data.slice(3 * (y * width + x), 3 * (y * width + x) + 3));
  expect([pixel(0, 0), pixel(1, 1), pixel(17, 1), pixel(35, 16), pixel(66, 16)]).toEqual(
    [255, 0, 128, 191, 255].map((v) => [v, v, v]),
  );
  const coloured = decode(filterImage({ shape: [1, 3, 1, 1], data: [1, 0, -1] }).png);
  expect(Array.from(coloured.data.slice(3 * (coloured.width + 1), 3 * (coloured.width + 1) + 3))).toEqual([
    255, 128, 0,
  ]);
});
