// Values that move from one tensor to another on the device.
import { apply, noGrad } from '../autograd/tape.ts';
import { swapOp } from '../ops/arena.ts';
import { contiguous, narrow, pad, reshape } from '../ops/index.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** What is swapped lies in quads: where a tensor ends within one, zeros behind it keep those of an optimizer's arena. */
const QUAD = 4;

/** Overwrites a float32 tensor by the elements of another of its shape and device, in place. */
export function copyInto(target: Tensor, values: Tensor): void {
  noGrad(() =>
    scope(() => {
      const [to, from] = [target, values].map((x) => reshape(x.detach(), [-1]));
      const rest = (QUAD - (to.size % QUAD)) % QUAD;
      const copy = rest > 0 ? narrow(pad(from, [0, rest]), 0, 0, to.size) : contiguous(from);
      apply(swapOp, [to, copy], {});
    }),
  );
}
