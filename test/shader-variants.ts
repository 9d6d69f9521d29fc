// The variants of shaders that the kernel check must run: for each constant of their preambles, all values that plans give it.

/** What is seen of constants, by shader: their values, sorted. */
export type Variants = Record<string, Record<string, string>>;

const SWITCH = 'false true';
/** Threads of a workgroup, on GPUs and on software adapters. */
const WG = '64 8';

/**
 * All values of all constants, on an adapter with subgroups of this size (0: of none or of several), whatever its kind: plans
 * of the other kind are checked, too. Ranks are as the cases have them, and no variants.
 */
export function expected(subgroup: number): Variants {
  // Rows in registers, and lanes of a software adapter that share loads, where kernels know how many there are.
  const lanes = [4, 8].includes(subgroup) ? subgroup : 0;
  const byRows = { ROWS: lanes === 8 ? '1 16 4 8' : '1 4 8', LANES: lanes > 0 ? `0 ${lanes}` : '0' };
  return {
    'adam.wgsl': { AMSGRAD: SWITCH },
    'avgPool2d.wgsl': { ADAPTIVE: SWITCH, BLOCK: '64', COUNT_PADDING: SWITCH, TRANSPOSED: SWITCH, WG },
    'batchNormGradMerge.wgsl': { BLOCK: '16', PER_THREAD: '128 16', WG },
    'batchNormGradSums.wgsl': { BLOCK: '16', PER_THREAD: '128 16', WG },
    'batchNormMerge.wgsl': { BLOCK: '16', PER_THREAD: '128 16', WG },
    'batchNormStats.wgsl': { BLOCK: '16', PER_THREAD: '128 16', WG },
    'conv2d.wgsl': { ...byRows, BLOCKED: SWITCH, TRANSPOSED: SWITCH, UNIT: SWITCH, WG },
    'conv2dRows.wgsl': {
      ...{ ROWS: '1 4 8', LANES: byRows.LANES },
      // Software adapters alone have it, and in blocks of sums it is conv2d.wgsl that they get.
      ...{ BLOCKED: 'false', TRANSPOSED: SWITCH, UNIT: SWITCH, WG: '8' },
    },
    'conv2dWeightGrad.wgsl': { ...byRows, WG },
    'conv2dWeightGradRows.wgsl': { ROWS: '1 4 8', LANES: byRows.LANES, WG: '8', WIDE: SWITCH },
    'copy.wgsl': { MODE: '0 1 2 3' },
    'crossEntropyRows.wgsl': { BLOCK: '8', WG },
    'gather.wgsl': { WG },
    'gemmTile.wgsl': {
      ...{ ALONG_A: SWITCH, ALONG_B: SWITCH, SPLIT_A: SWITCH, SPLIT_B: SWITCH, SPLIT_N: SWITCH },
      ...{ BLOCK: '16 32', BLOCKED: SWITCH, DIVIDED: SWITCH, TALL: SWITCH, WIDE: SWITCH },
      ...{ TILE_K: '16 8', TILE_M: '128 32 64', TILE_N: '128 32 64' },
    },
    'gradNorm.wgsl': { BLOCK: '16', FIRST: SWITCH, LARGEST: SWITCH, LAST: SWITCH, WG },
    'matmul.wgsl': { ...byRows, BLOCK: '64', QUADS: SWITCH, WG, WIDE: SWITCH },
    'maxPool2d.wgsl': { ADAPTIVE: SWITCH, WG },
    'maxPool2dGrad.wgsl': { ADAPTIVE: SWITCH, OVERLAP: SWITCH, WG },
    'normalize.wgsl': { BLOCK: '8', CENTER: SWITCH, WG },
    'normalizeGrad.wgsl': { BLOCK: '8', CENTER: SWITCH, WG },
    'pack.wgsl': { PACKED: '7' },
    // Blocks: of accumulators of several words, of columns; of several words, of rows, of quads.
    'reduceColumns.wgsl': { BLOCK: '16 4', WG },
    'reduceRows.wgsl': { BLOCK: '32 4 8', LANES: '1 4', WG },
    'rmsprop.wgsl': { CENTERED: SWITCH, MOMENTUM: SWITCH },
    // A thread for each row, or a workgroup.
    'scan.wgsl': { EXCLUSIVE: SWITCH, LANES: '1 64 8', PER: '16 64', TOTALS: SWITCH, WG },
    'scatterBlocks.wgsl': { BLOCK: '16', FIRST: SWITCH, WG },
    'scatterStarts.wgsl': { WG },
    'scatterSums.wgsl': { BLOCK: '16', WG },
    'sgd.wgsl': { MOMENTUM: SWITCH },
    'softmax.wgsl': { BLOCK: '8', LOG: SWITCH, WG },
    'softmaxGrad.wgsl': { BLOCK: '8', LOG: SWITCH, WG },
    'sortBlocks.wgsl': { BLOCK: '1 128 16 2 256 32 4 512 64 8', WG },
    'sortMerge.wgsl': { ITEMS: '8', WG },
    'within.wgsl': { WG },
  };
}

/** Collects the constants of preambles, by shader. */
export class SeenVariants {
  private readonly files = new Map<string, Map<string, Set<string>>>();

  add(file: string, preamble: string): void {
    for (const [, name, value] of preamble.matchAll(/^const (\w+) = (true|false|\d+)u?;$/gm)) {
      if (name === 'RANK') continue;
      const names = this.files.get(file) ?? new Map<string, Set<string>>();
      this.files.set(file, names.set(name, (names.get(name) ?? new Set()).add(value)));
    }
  }

  table(): Variants {
    const sorted = (values: Set<string>) => [...values].sort().join(' ');
    const rows = [...this.files].map(
      ([file, names]) => [file, [...names].map(([name, v]) => [name, sorted(v)])] as const,
    );
    return Object.fromEntries(rows.map(([file, names]) => [file, Object.fromEntries(names)]));
  }
}
