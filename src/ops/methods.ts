// Typed Tensor methods, derived from the ops: an op exported by index.ts shows up as a method by itself.
import { type BackwardOptions, backward } from '../autograd/backward.ts';
import { Tensor } from '../tensor/tensor.ts';
import * as ops from './index.ts';

/** The op without its first argument, which becomes `this`. */
// biome-ignore lint/suspicious/noExplicitAny: `any` leaves Tensor's members out of this type's own definition
type Single<F> = F extends (x: any, ...rest: infer Rest) => infer Result ? (...rest: Rest) => Result : never;

/** The same for an op with two signatures, of which inference would see the last alone. */
// biome-ignore lint/suspicious/noExplicitAny: `any` leaves Tensor's members out of this type's own definition
type Double<F> = F extends { (x: any, ...rest: infer A): infer R; (x: any, ...rest: infer B): infer S }
  ? { (...rest: A): R; (...rest: B): S }
  : never;

type Method<F> = [Double<F>] extends [never] ? Single<F> : Double<F>;

type Methods = { [Name in keyof typeof ops]: Method<(typeof ops)[Name]> };

declare module '../tensor/tensor.ts' {
  interface Tensor extends Methods {
    /**
     * Adds the gradient of this scalar to the `grad` of every leaf that requires it. Pass `gradient`, shaped like this
     * tensor, where it is not a scalar.
     */
    backward(gradient?: Tensor, options?: BackwardOptions): void;
  }
}

for (const [name, op] of Object.entries(ops)) {
  const method = op as (x: Tensor, ...rest: unknown[]) => Tensor;
  Object.defineProperty(Tensor.prototype, name, {
    value(this: Tensor, ...rest: unknown[]) {
      return method(this, ...rest);
    },
    writable: true,
    configurable: true,
  });
}

Tensor.prototype.backward = function (gradient, options) {
  backward(this, gradient, options);
};
