// Errors that users meet: each names the op or tensor, what was expected and what came.

/** A shape, dtype, device or argument that an op cannot take; thrown before any work is done. */
export class ShapeError extends Error {
  override name = 'ShapeError';
}

/**
 * An index in a tensor's data that is out of range, or another number there that is, such as a probability. Thrown at
 * once by the CPU backend, and by the next read of any tensor on WebGPU, where data is not looked at before.
 */
export class IndexError extends Error {
  override name = 'IndexError';
}

/** A tensor was used after its memory was released. */
export class ReleasedError extends Error {
  override name = 'ReleasedError';
}

/** Code inside compile() that cannot be traced; the message names the line. */
export class CompileError extends Error {
  override name = 'CompileError';
}

/** The device is absent, was lost, or reported a validation or out-of-memory error. */
export class DeviceError extends Error {
  override name = 'DeviceError';
}

/** A shader that the device refused, with file, line and source text. */
export class ShaderError extends DeviceError {
  override name = 'ShaderError';
}
