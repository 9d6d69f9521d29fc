// What the sanity checks found, and the report in lines of text.

/** One check. */
export interface SanityCheck {
  name: string;
  passed: boolean;
  expected: string;
  actual: string;
  /** What is probably wrong, where it failed. */
  advice: string | null;
}

export interface SanityReport {
  passed: boolean;
  checks: SanityCheck[];
  /** Checks that were not made, and why. */
  leftOut: { name: string; why: string }[];
  toString(): string;
}

export function sanityReport(checks: SanityCheck[], leftOut: SanityReport['leftOut'] = []): SanityReport {
  const good = checks.filter(({ passed }) => passed).length;
  const lines = checks.flatMap(({ name, passed, expected, actual, advice }) => [
    `  ${passed ? 'ok    ' : 'FAILED'}  ${name}: expected ${expected}, got ${actual}`,
    ...(advice ? [`          ${advice}`] : []),
  ]);
  for (const { name, why } of leftOut) lines.push(`  --      ${name}: left out, ${why}`);
  const toString = () => [`sanity: ${good} of ${checks.length} checks passed`, ...lines].join('\n');
  return { passed: good === checks.length, checks, leftOut, toString };
}

/** A number in few digits. */
export const short = (value: number): string => String(Number(value.toPrecision(4)));
