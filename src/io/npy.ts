// The .npy format of NumPy, versions 1 to 3: a magic, a header that is a Python dict of dtype, order and shape, then the data.
import type { HostArray } from '../tensor/dtype.ts';
import { fromHalf } from '../tensor/half.ts';
import { elementCount, format, type Shape } from '../tensor/shape.ts';
import type { HostTensor } from '../tensor/state.ts';

const MAGIC = [0x93, ...new TextEncoder().encode('NUMPY')];

interface Kind {
  bytes: number;
  array: new (length: number) => HostArray;
  read: (view: DataView, at: number, little: boolean) => number | bigint;
}

/** NumPy's types by the letters behind the byte order. Whole numbers of more than 8 bits become int32. */
const KINDS: Record<string, Kind> = {
  f2: { bytes: 2, array: Float32Array, read: (view, at, little) => fromHalf(view.getUint16(at, little)) },
  f4: { bytes: 4, array: Float32Array, read: (view, at, little) => view.getFloat32(at, little) },
  f8: { bytes: 8, array: Float64Array, read: (view, at, little) => view.getFloat64(at, little) },
  b1: { bytes: 1, array: Uint8Array, read: (view, at) => Math.min(view.getUint8(at), 1) },
  u1: { bytes: 1, array: Uint8Array, read: (view, at) => view.getUint8(at) },
  i1: { bytes: 1, array: Int32Array, read: (view, at) => view.getInt8(at) },
  u2: { bytes: 2, array: Int32Array, read: (view, at, little) => view.getUint16(at, little) },
  i2: { bytes: 2, array: Int32Array, read: (view, at, little) => view.getInt16(at, little) },
  u4: { bytes: 4, array: Int32Array, read: (view, at, little) => view.getUint32(at, little) },
  i4: { bytes: 4, array: Int32Array, read: (view, at, little) => view.getInt32(at, little) },
  u8: { bytes: 8, array: Int32Array, read: (view, at, little) => view.getBigUint64(at, little) },
  i8: { bytes: 8, array: Int32Array, read: (view, at, little) => view.getBigInt64(at, little) },
};

/** An array as a .npy file holds it. */
export interface NpyArray {
  shape: Shape;
  /** Row-major. Float64Array for f8, Float32Array for f2 and f4, Uint8Array for u1 and bool, Int32Array for other whole numbers. */
  data: HostArray;
  /** NumPy's name of the type, such as `<f4`. */
  descr: string;
}

/** What a header says. Throws where it is not one. */
function parseHeader(
  text: string,
  wrong: (why: string) => Error,
): { descr: string; fortran: boolean; shape: number[] } {
  const descr = /'descr'\s*:\s*'([^']*)'/.exec(text)?.[1];
  const fortran = /'fortran_order'\s*:\s*(True|False)/.exec(text)?.[1];
  const shape = /'shape'\s*:\s*\(([\d\s,L]*)\)/.exec(text)?.[1];
  if (!descr && /'descr'\s*:\s*\[/.test(text)) throw wrong('expected numbers, got records with fields');
  if (descr === undefined || !fortran || shape === undefined) throw wrong(`cannot read its header ${text.trim()}`);
  const sizes = shape.split(',').filter((size) => size.trim() !== '');
  return { descr, fortran: fortran === 'True', shape: sizes.map((size) => Number.parseInt(size, 10)) };
}

/**
 * The array of a .npy file: f2, f4, f8, i1 to i8, u1 to u8 or bool, in either byte order, in C or Fortran order; the result
 * is row-major. Throws an Error that names `file`: not .npy, truncated, another type, or a whole number that is no int32.
 */
export function decodeNpy(bytes: Uint8Array, file = 'npy'): NpyArray {
  const wrong = (why: string) => new Error(`${file}: ${why}`);
  if (MAGIC.some((byte, i) => bytes[i] !== byte)) throw wrong('not a .npy file (expected it to begin with \\x93NUMPY)');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = bytes[6];
  if (version !== undefined && !(version >= 1 && version <= 3)) {
    throw wrong(`expected version 1, 2 or 3, got ${version}`);
  }
  const begin = version === 1 ? 10 : 12;
  if (bytes.length < begin) throw wrong(`truncated in its header, ${bytes.length} bytes`);
  const start = begin + (version === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  if (bytes.length < start) throw wrong(`truncated in its header, ${bytes.length} of ${start} bytes`);
  const { descr, fortran, shape } = parseHeader(new TextDecoder().decode(bytes.subarray(begin, start)), wrong);
  const kind = KINDS[descr.slice(1)];
  if (!kind || !'<>|='.includes(descr[0])) {
    throw wrong(`expected a dtype of ${Object.keys(KINDS).join(', ')}, got ${descr}`);
  }
  const count = elementCount(shape);
  const expected = start + count * kind.bytes;
  if (bytes.length !== expected) {
    const row =
      shape.length > 0 && shape[0] > 0 ? Math.floor((bytes.length - start) / ((count / shape[0]) * kind.bytes)) : 0;
    const what = bytes.length < expected ? `truncated in row ${row}` : 'too long';
    throw wrong(`${what}: expected ${expected} bytes for ${format(shape)} of ${descr}, got ${bytes.length}`);
  }

  const data = new kind.array(count);
  const little = descr[0] !== '>';
  for (let i = 0; i < count; i++) {
    const value = Number(kind.read(view, start + i * kind.bytes, little));
    if (data instanceof Int32Array && value !== (value | 0)) {
      throw wrong(`element ${i} is ${value}, which is no int32`);
    }
    data[i] = value;
  }
  return { shape, data: fortran ? rowMajor(data, shape) : data, descr };
}

/** Elements whose first index runs fastest, in the order in which the last one does. */
function rowMajor<T extends HostArray>(data: T, shape: Shape): T {
  const out = data.slice() as T;
  const index = shape.map(() => 0);
  const strides: number[] = [];
  shape.reduce((step, size) => {
    strides.push(step);
    return step * size;
  }, 1);
  let from = 0;
  for (let at = 0; at < out.length; at++) {
    out[at] = data[from];
    for (let d = shape.length - 1; d >= 0; d--) {
      from += strides[d];
      if (++index[d] < shape[d]) break;
      from -= strides[d] * shape[d];
      index[d] = 0;
    }
  }
  return out;
}

const DESCR = [
  [Float32Array, '<f4'],
  [Float64Array, '<f8'],
  [Int32Array, '<i4'],
  [Uint8Array, '|u1'],
] as const;

/**
 * The bytes of a .npy file, row-major and little-endian: float32, float64, int32 and bytes stay what they are, other arrays
 * become float64. Version 1, or 2 where the header is too long for it.
 */
export function encodeNpy({ shape, data }: HostTensor): Uint8Array {
  if (data.length !== elementCount(shape)) {
    throw new Error(`npy: ${format(shape)} holds ${elementCount(shape)} elements, got ${data.length}`);
  }
  const [ArrayType, descr] = DESCR.find(([type]) => data instanceof type) ?? DESCR[1];
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const dict = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${sizes}), }`;
  const version = dict.length + 64 < 2 ** 16 ? 1 : 2;
  const begin = version === 1 ? 10 : 12;
  // Spaces and a line end, so that the data begins at a multiple of 64.
  const start = Math.ceil((begin + dict.length + 1) / 64) * 64;
  const header = new TextEncoder().encode(`${dict.padEnd(start - begin - 1)}\n`);
  const out = new Uint8Array(start + data.length * ArrayType.BYTES_PER_ELEMENT);
  const view = new DataView(out.buffer);
  out.set([...MAGIC, version, 0]);
  if (version === 1) view.setUint16(8, header.length, true);
  else view.setUint32(8, header.length, true);
  out.set(header, begin);
  new ArrayType(out.buffer, start).set(data);
  return out;
}
