// Event files of TensorBoard: length-framed records with checksums, each an Event message in Protocol Buffers.
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { maskedCrc32c } from './tensorboard-crc.ts';

/** Counts of values between limits: the first bin begins at `min`, bin i ends at limits[i], the last limit being `max`. */
export interface EventHistogram {
  min: number;
  max: number;
  limits: number[];
  counts: number[];
  /** Of all values: how many, their sum and the sum of their squares. */
  count: number;
  sum: number;
  squares: number;
}

export interface EventImage {
  width: number;
  height: number;
  /** 1 for grey, 3 for RGB, 4 for RGBA. */
  channels: 1 | 3 | 4;
  png: Uint8Array;
}

/** What is shown under a tag, at a step. Parts of a tag before a slash group them. */
export type EventValue = { tag: string } & ({ scalar: number } | { histogram: EventHistogram } | { image: EventImage });

/** A file of events in a folder that TensorBoard is pointed at. Each record is in the file when the call returns. */
export class EventFile {
  readonly path: string;

  /** Makes the folder where it is missing, and in it a file of its own name. Throws the system's error where it cannot. */
  constructor(folder: string, now = Date.now()) {
    mkdirSync(folder, { recursive: true });
    const base = join(folder, `events.out.tfevents.${Math.floor(now / 1000)}.downhill`);
    this.path = newFile(base);
    // field 3: the version that readers ask for
    this.append(event(now, 0, (writer) => writer.tag(3, WireType.LengthDelimited).string('brain.Event:2')));
  }

  /** Appends values of a step. */
  add(step: number, values: readonly EventValue[], now = Date.now()): void {
    if (values.length === 0) return;
    // field 5: the summary, whose field 1 is repeated, one for each value
    const summary = (writer: BinaryWriter) => {
      message(writer, 5, (inner) => {
        for (const value of values) message(inner, 1, (one) => writeValue(one, value));
      });
    };
    this.append(event(now, step, summary));
  }

  /** A record: length, its checksum, the data, their checksum; numbers little endian. */
  private append(data: Uint8Array): void {
    const record = new Uint8Array(12 + data.length + 4);
    const view = new DataView(record.buffer);
    view.setBigUint64(0, BigInt(data.length), true);
    view.setUint32(8, maskedCrc32c(record.subarray(0, 8)), true);
    record.set(data, 12);
    view.setUint32(12 + data.length, maskedCrc32c(data), true);
    appendFileSync(this.path, record);
  }
}

/** Makes a file that was not there: at this path, or with a number behind it. */
function newFile(base: string): string {
  for (let n = 0; ; n++) {
    const path = n === 0 ? base : `${base}.${n}`;
    try {
      writeFileSync(path, '', { flag: 'wx' });
      return path;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

const message = (writer: BinaryWriter, field: number, write: (inner: BinaryWriter) => void): void => {
  writer.tag(field, WireType.LengthDelimited).fork();
  write(writer);
  writer.join();
};

/** Event: 1 wall time in seconds, 2 step, and what `write` adds. */
function event(now: number, step: number, write: (writer: BinaryWriter) => void): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.Bit64).double(now / 1000);
  writer.tag(2, WireType.Varint).int64(step);
  write(writer);
  return writer.finish();
}

/** Summary.Value: 1 tag, 2 a scalar as float, 4 an image, 5 a histogram. */
function writeValue(writer: BinaryWriter, value: EventValue): void {
  writer.tag(1, WireType.LengthDelimited).string(value.tag);
  if ('scalar' in value) {
    writer.tag(2, WireType.Bit32).float(Math.fround(value.scalar));
  } else if ('image' in value) {
    const { width, height, channels, png } = value.image;
    message(writer, 4, (inner) => {
      inner.tag(1, WireType.Varint).int32(height);
      inner.tag(2, WireType.Varint).int32(width);
      inner.tag(3, WireType.Varint).int32(channels);
      inner.tag(4, WireType.LengthDelimited).bytes(png);
    });
  } else {
    const { min, max, count, sum, squares, limits, counts } = value.histogram;
    message(writer, 5, (inner) => {
      for (const [i, number] of [min, max, count, sum, squares].entries())
        inner.tag(i + 1, WireType.Bit64).double(number);
      for (const [field, list] of [
        [6, limits],
        [7, counts],
      ] as const) {
        message(inner, field, (packed) => {
          for (const number of list) packed.double(number);
        });
      }
    });
  }
}
