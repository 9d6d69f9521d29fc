// The safetensors format: 8 bytes of header length, a JSON header of names, dtypes, shapes and ranges, then the data.
import { elementCount } from '../tensor/shape.ts';
import type { HostTensor } from '../tensor/state.ts';

const ARRAYS = { F32: Float32Array, F64: Float64Array, I32: Int32Array, U8: Uint8Array } as const;
type Dtype = keyof typeof ARRAYS;

const dtypeOf = (data: ArrayLike<number>): Dtype =>
  (Object.keys(ARRAYS) as Dtype[]).find((name) => data instanceof ARRAYS[name]) ?? 'F64';

/** The bytes of a safetensors file. Typed arrays keep their type, other arrays become float64. */
export function encodeSafetensors(
  tensors: Record<string, HostTensor>,
  metadata: Record<string, string> = {},
): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: metadata };
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    const dtype = dtypeOf(data);
    const array = ARRAYS[dtype].from(data);
    parts.push(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    header[name] = { dtype, shape, data_offsets: [at, at + array.byteLength] };
    at += array.byteLength;
  }
  // The header is padded with spaces, so that the data begins at a multiple of 8.
  const text = JSON.stringify(header);
  const json = new TextEncoder().encode(text);
  const padding = (8 - (json.length % 8)) % 8;
  const out = new Uint8Array(8 + json.length + padding + at).fill(0x20, 8, 8 + json.length + padding);
  new DataView(out.buffer).setBigUint64(0, BigInt(json.length + padding), true);
  out.set(json, 8);
  let offset = 8 + json.length + padding;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

const wrong = (why: string) => new Error(`safetensors: ${why}`);

/** The header, and how many bytes it has with the length before it. */
function headerOf(bytes: Uint8Array): { header: Record<string, Entry>; start: number } {
  if (bytes.length < 8) throw wrong(`expected at least 8 bytes, got ${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Number(view.getBigUint64(0, true));
  // A header begins with a brace: what does not is a file of another kind, whose first bytes are no length.
  if (bytes.length > 8 && bytes[8] !== 0x7b) throw wrong('expected a safetensors file, got another kind of file');
  if (length > bytes.length - 8) {
    throw wrong(`the file is truncated: its header has ${length} bytes, and the whole file ${bytes.length}`);
  }
  let header: Record<string, Entry>;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, 8 + length)));
  } catch {
    throw wrong('the header is not JSON');
  }
  const entries = Object.entries(header).filter(([name]) => name !== '__metadata__');
  for (const [name, entry] of entries) {
    if (Array.isArray(entry?.shape) && Array.isArray(entry.data_offsets)) continue;
    throw wrong(`expected dtype, shape and data_offsets of ${name}, got ${JSON.stringify(entry)}`);
  }
  const size = Math.max(0, ...entries.map(([, entry]) => entry.data_offsets[1]));
  if (8 + length + size > bytes.length) {
    throw wrong(`the file is truncated: it has ${bytes.length} of ${8 + length + size} bytes`);
  }
  return { header, start: 8 + length };
}

/** The metadata of a safetensors file. */
export function safetensorsMetadata(bytes: Uint8Array): Record<string, string> {
  return (headerOf(bytes).header.__metadata__ ?? {}) as unknown as Record<string, string>;
}

/** The tensors of a safetensors file. Throws an Error that says what is wrong with a file that is not one. */
export function decodeSafetensors(bytes: Uint8Array): Record<string, HostTensor> {
  const { header, start } = headerOf(bytes);
  // A Uint8Array even of a Node Buffer, whose slice() would share the memory of the whole file.
  const body = new Uint8Array(bytes.buffer, bytes.byteOffset + start, bytes.length - start);
  const tensors: Record<string, HostTensor> = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const ArrayType = ARRAYS[entry.dtype as Dtype];
    if (!ArrayType) throw wrong(`${name} has dtype ${entry.dtype}, expected ${Object.keys(ARRAYS).join(', ')}`);
    const [from, to] = entry.data_offsets;
    const size = elementCount(entry.shape) * ArrayType.BYTES_PER_ELEMENT;
    if (!(from >= 0 && to - from === size && to <= body.length)) {
      throw wrong(`${name} [${entry.shape}] needs ${size} bytes, the file gives ${from} to ${to} of ${body.length}`);
    }
    tensors[name] = { shape: entry.shape, data: new ArrayType(body.slice(from, to).buffer) };
  }
  return tensors;
}
