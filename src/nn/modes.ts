// Training and evaluation mode of whole models, put back as they were: each module may have its own.
import type { Module } from './module.ts';

/** Notes the mode of a module and of all below it. Returns what puts each one's own back. */
export function modesOf(module: Module): () => void {
  const modes = [...module.modules()].map((one) => [one, one.training] as const);
  return () => {
    for (const [one, training] of modes) one.training = training;
  };
}

/** Puts a module and all below it into evaluation mode. Returns what puts each one's own mode back. */
export function evaluating(module: Module): () => void {
  const restore = modesOf(module);
  module.eval();
  return restore;
}
