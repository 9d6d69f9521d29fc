// The shaders that a mutant alters, as they become.
import type { Shader } from '../../src/tensor/backend.ts';
import { altered, type Mutant, type Use, useName } from './mutant.ts';
import { backwards } from './order.ts';

/** `isBackward`: with the last threads first, as well, where they have an order. */
export class Variants {
  readonly mutant: Mutant;
  private readonly isBackward: boolean;
  private readonly shaders = new Map<string, Shader | null>();
  /** Whether it alters a use: runs share these objects. */
  private readonly known = new Map<Use, boolean>();
  private readonly able = new Map<string, boolean>();

  constructor(mutant: Mutant, isBackward = false) {
    this.mutant = mutant;
    this.isBackward = isBackward;
  }

  private change(use: Use, name = useName(use)): Shader | null {
    let shader = this.shaders.get(name);
    if (shader === undefined) {
      shader = altered(this.mutant, use);
      if (shader && this.isBackward) shader = backwards(shader);
      this.shaders.set(name, shader);
    }
    return shader;
  }

  of(use: Use): Shader {
    return this.change(use) ?? use.shader;
  }

  all(): Shader[] {
    return [...this.shaders.values()].filter((shader) => shader !== null);
  }

  touches({ uses }: { uses: Use[] }): boolean {
    return uses.some((use) => {
      if (!this.known.has(use)) this.known.set(use, this.change(use) !== null);
      return this.known.get(use)!;
    });
  }

  /** Whether all that the mutant alters in a run compiles. */
  async compile({ uses }: { uses: Use[] }, compiles: (shader: Shader) => Promise<boolean>): Promise<boolean> {
    for (const use of uses) {
      const name = useName(use);
      const shader = this.change(use, name);
      if (!shader) continue;
      if (!this.able.has(name)) this.able.set(name, await compiles(shader));
      if (!this.able.get(name)) return false;
    }
    return true;
  }
}
