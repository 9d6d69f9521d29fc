// The file of a checkpoint: tensors by group in the safetensors format, and values as JSON in its metadata.
import type { HostTensor } from '../tensor/state.ts';
import { decodeSafetensors, encodeSafetensors, safetensorsMetadata } from './safetensors.ts';

/** The key of the metadata, and the version of what it holds. */
const KEY = 'downhill.checkpoint';
const VERSION = 1;

/** Tensors by group and name. Groups have no dot in their names. */
export type TensorGroups = Record<string, Record<string, HostTensor>>;

/** The bytes of a file with these tensors, named `group.name`, and values of plain JSON. */
export function packCheckpoint(groups: TensorGroups, values: object): Uint8Array {
  const tensors = Object.entries(groups).flatMap(([group, members]) =>
    Object.entries(members).map(([name, tensor]) => [`${group}.${name}`, tensor]),
  );
  return encodeSafetensors(Object.fromEntries(tensors), { [KEY]: JSON.stringify({ version: VERSION, ...values }) });
}

/** The object that a checkpoint's metadata holds. */
function stateOf(text: string): Record<string, unknown> {
  let state: unknown;
  try {
    state = JSON.parse(text);
  } catch {}
  if (typeof state === 'object' && state !== null) return state as Record<string, unknown>;
  throw new Error('checkpoint: expected its state as JSON, got what cannot be read');
}

/** What packCheckpoint packed. Throws an Error that says what is wrong with bytes that are no whole checkpoint. */
export function unpackCheckpoint(bytes: Uint8Array): { groups: TensorGroups; values: unknown } {
  const text = safetensorsMetadata(bytes)[KEY];
  if (text === undefined) throw new Error('checkpoint: expected a checkpoint of fit, got tensors without its state');
  const { version, ...values } = stateOf(text);
  if (version !== VERSION) throw new Error(`checkpoint: expected version ${VERSION}, got ${version}`);
  const groups: TensorGroups = {};
  for (const [key, tensor] of Object.entries(decodeSafetensors(bytes))) {
    const dot = key.indexOf('.');
    const group = key.slice(0, dot);
    groups[group] ??= {};
    groups[group][key.slice(dot + 1)] = tensor;
  }
  return { groups, values };
}
