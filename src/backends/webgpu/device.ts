// Opens WebGPU: the adapter through the door, the device with all that the adapter offers.
import { openAdapter } from '#gpu';
import { Device } from '../../tensor/device.ts';
import { WebGpuBackend } from './backend.ts';
import type { AdapterChoice } from './door.ts';

/** Limits above WebGPU's defaults that kernels make use of where the adapter has them. */
const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
] as const;

/** Limits that kernels keep to at WebGPU's defaults: told, not asked for. */
const KEPT = [
  'maxComputeWorkgroupsPerDimension',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxStorageBuffersPerShaderStage',
] as const;

const FEATURES: GPUFeatureName[] = ['shader-f16', 'subgroups', 'timestamp-query'];

/** A device on the best adapter, or on the kind chosen. Throws a DeviceError that says what to install where there is none. */
export async function webgpuDevice(choice?: AdapterChoice): Promise<Device> {
  const { adapter, software, polls } = await openAdapter(choice);
  const requiredFeatures = FEATURES.filter((name) => adapter.features.has(name));
  const requiredLimits = Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]]));
  const device = await adapter.requestDevice({ label: 'downhill', requiredFeatures, requiredLimits });
  const { vendor, architecture, device: name, description, subgroupMinSize, subgroupMaxSize } = adapter.info;
  // Browsers that had subgroups early do not tell the sizes.
  const subgroup = device.features.has('subgroups') && subgroupMinSize === subgroupMaxSize ? (subgroupMaxSize ?? 0) : 0;
  const limits = Object.fromEntries([...LIMITS, ...KEPT].map((name) => [name, device.limits[name]]));
  const info = {
    kind: 'webgpu' as const,
    adapter: description || [vendor, architecture].filter(Boolean).join(' ') || 'WebGPU adapter',
    software,
    vendor,
    architecture,
    device: name,
    driver: description,
    features: requiredFeatures,
    limits,
  };
  const lost = device.lost.then(({ message }) => message);
  return new Device(info, new WebGpuBackend(device, { software, subgroup, polls }), lost);
}
