// Full backward hooks: what goes into a module and comes out of it passes through views, whose gradients tell of it.
import type { ViewOp } from '../autograd/op.ts';
import { applyView, gradEnabled } from '../autograd/tape.ts';
import { moveTo } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** All of its input; the gradient goes through `seen`. */
const passage: ViewOp<{ seen(grad: Tensor): Tensor }> = {
  name: 'backwardHook',
  outputShape: (shape) => shape,
  view: (layout) => layout,
  vjp: (grad, { attrs }) => attrs.seen(grad),
};

/**
 * forward(x), whose backward pass calls `tell` with the gradient by x, null where x takes none, and that by the output. What it
 * returns goes on as the gradient by x.
 */
export function between(
  x: Tensor,
  forward: (x: Tensor) => Tensor,
  tell: (gradInput: Tensor | null, gradOutput: Tensor) => Tensor | null,
): Tensor {
  const { requiresGrad } = x;
  let gradOutput: Tensor | null = null;
  const out = (grad: Tensor) => {
    // The tape gives it up as soon as it is used: a second handle lasts until the pass is over.
    gradOutput = gradEnabled() ? grad : grad.alias(passage.name);
    moveTo(gradOutput, grad.scope);
    if (!requiresGrad) tell(null, gradOutput);
    return grad;
  };
  const into = (grad: Tensor) => (gradOutput && tell(grad, gradOutput)) ?? grad;
  return applyView(passage, forward(requiresGrad ? applyView(passage, x, { seen: into }) : x), { seen: out });
}
