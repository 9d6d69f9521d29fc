// What an adapter can do at most: multiply-adds in registers, and a copy of memory.

export interface Peaks {
  /** GFLOP/s of independent float32 multiply-adds. */
  gflops: number;
  /** GB/s, bytes read and bytes written, of a copy by a shader. */
  gbs: number;
}

const THREADS = 64;
const LOOPS = 64;
const CHAINS = 8;

/** CHAINS independent vec4 chains a thread: enough to hide the latency of an FMA, few enough for registers. */
const fmaShader = `
@group(0) @binding(0) var<storage, read_write> out: array<vec4f>;
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let m = vec4f(0.999 + f32(id.x % 2u) * 1e-4);
${Array.from({ length: CHAINS }, (_, c) => `  var v${c} = vec4f(f32(id.x) + ${c}.5);`).join('\n')}
  for (var i = 0; i < ${LOOPS}; i++) {
${Array.from({ length: 16 * CHAINS }, (_, i) => `    v${i % CHAINS} = fma(v${i % CHAINS}, m, m);`).join('\n')}
  }
  out[id.x] = ${Array.from({ length: CHAINS }, (_, c) => `v${c}`).join(' + ')};
}`;
const FLOPS_PER_THREAD = LOOPS * 16 * CHAINS * 4 * 2;

const copyShader = `
@group(0) @binding(0) var<storage, read_write> out: array<vec4f>;
@group(0) @binding(1) var<storage, read> source: array<vec4f>;
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * ${THREADS}u + id.x;
  if (i < arrayLength(&out)) { out[i] = source[i]; }
}`;

/** Best of several runs, each long enough that waiting for it does not count. */
export async function measurePeaks(adapter: GPUAdapter): Promise<Peaks> {
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const device = await adapter.requestDevice({ requiredLimits: { maxBufferSize, maxStorageBufferBindingSize } });
  try {
    const gflops = await fmaPeak(device);
    const gbs = await copyPeak(device);
    return { gflops, gbs };
  } finally {
    device.destroy();
  }
}

async function fmaPeak(device: GPUDevice): Promise<number> {
  // More work until it takes long enough: adapters differ by a factor of ten thousand.
  for (let workgroups = 16; ; workgroups *= 4) {
    const run = kernel(device, fmaShader, [buffer(device, workgroups * THREADS * 16)], [workgroups, 1]);
    const ms = await best(run, 1);
    if (ms > 30 || workgroups >= 16384) return (workgroups * THREADS * FLOPS_PER_THREAD) / (await best(run, 5)) / 1e6;
  }
}

/** Of more bytes than caches hold: 64 MB on a slow adapter, 512 MB on a fast one. */
async function copyPeak(device: GPUDevice): Promise<number> {
  const { gbs, ms } = await copyRate(device, 2 ** 26);
  return ms < 5 && device.limits.maxStorageBufferBindingSize >= 2 ** 29 ? (await copyRate(device, 2 ** 29)).gbs : gbs;
}

async function copyRate(device: GPUDevice, bytes: number): Promise<{ gbs: number; ms: number }> {
  const workgroups = bytes / 16 / THREADS;
  const x = Math.min(workgroups, 32768);
  const buffers = [buffer(device, bytes), buffer(device, bytes)];
  const run = kernel(device, copyShader, buffers, [x, Math.ceil(workgroups / x)]);
  const repeat = Math.max(1, Math.ceil(20 / (await best(run, 1))));
  const ms = (await best(() => run(repeat), 5)) / repeat;
  for (const used of buffers) used.destroy();
  return { gbs: (2 * bytes) / ms / 1e6, ms };
}

const buffer = (device: GPUDevice, size: number) =>
  device.createBuffer({ size, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST });

/** A function that runs a shader some times in one submit and waits for it. */
function kernel(device: GPUDevice, code: string, buffers: GPUBuffer[], [x, y]: [number, number]) {
  const pipeline = device.createComputePipeline({
    layout: 'auto',
    compute: { module: device.createShaderModule({ code }) },
  });
  const entries = buffers.map((found, binding) => ({ binding, resource: { buffer: found } }));
  const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
  return async (times = 1) => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    for (let i = 0; i < times; i++) pass.dispatchWorkgroups(x, y);
    pass.end();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
  };
}

/** The shortest of some runs in milliseconds, after one that does not count. */
async function best(run: () => Promise<void>, runs: number): Promise<number> {
  let shortest = Number.POSITIVE_INFINITY;
  for (let i = 0; i <= runs; i++) {
    const began = performance.now();
    await run();
    if (i > 0) shortest = Math.min(shortest, performance.now() - began);
  }
  return shortest;
}
