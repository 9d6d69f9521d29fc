// What the shape of a loss curve says about the learning rate.
import type { StepReport } from './callback.ts';
import type { Finding } from './diagnosis.ts';
import { significant } from './report-format.ts';
import { meanOf, momentsOf } from './statistics.ts';

/** What diagnoses of the loss need of a step. */
export type LossFigures = Pick<StepReport, 'step' | 'loss' | 'lr'>;

/** Stretches that a curve is cut into. */
const PARTS = 20;
/** Updates that add up to less of the weights have changed as good as nothing. */
const STILL = 0.1;

/**
 * The loss over what the learning rates of the steps add up to, so that a schedule does not bend the curve, in 20 stretches.
 * No number, or well above its start: the rate is too high. As good as a straight line down to the end: too low. Flat over
 * the second half and still high: too high if it jumps about, else a plateau. `ratio` is the median of update to weight norm
 * where it is known; it decides where the curve alone could mean either. Null for fewer than 20 steps, unless the loss
 * became no number.
 */
export function lossDiagnosis(steps: readonly LossFigures[], ratio?: number): Finding | null {
  const highest = steps.reduce((most, { lr }) => Math.max(most, lr), 0);
  const tooHigh = (seen: string, advice = 'Take a third of it or less.'): Finding => {
    return {
      kind: 'rate too high',
      text: `${seen}: the learning rate of ${significant(highest)} is too high. ${advice}`,
    };
  };
  const tooLow = (seen: string, advice = 'Take three to ten times as much.'): Finding => {
    return {
      kind: 'rate too low',
      text: `${seen}: the learning rate of ${significant(highest)} is too low. ${advice}`,
    };
  };
  const lost = steps.find(({ loss }) => !Number.isFinite(loss));
  if (lost) {
    const advice = 'Take a tenth of it, or clip the gradients.';
    return tooHigh(`The loss became ${lost.loss === null ? 'no number' : lost.loss} at step ${lost.step}`, advice);
  }
  if (steps.length < PARTS) return null;
  const parts = stretches(steps);
  const level = parts.map(meanOf);
  const [start, middle, end] = [steps[0].loss, meanOf(level.slice(9, 11)), meanOf(level.slice(-2))];
  const from = `from ${significant(start)} to ${significant(end)}`;
  if (end > 1.2 * start) return tooHigh(`The loss rose ${from}`);
  const lowest = Math.min(...level);
  const noise = meanOf(parts.slice(PARTS / 2).map((part) => momentsOf(part).std));
  const uncertain = noise / Math.sqrt(steps.length / PARTS);
  if (end > 1.3 * lowest + 4 * uncertain && end > 0.1 * start) {
    return tooHigh(`The loss fell to ${significant(lowest)} and rose again to ${significant(end)}`);
  }
  const fall = start - end;
  const fell = fall > Math.max(4 * uncertain, 1e-4 * start);
  const half = (start - middle) / fall;
  const lately = (meanOf(level.slice(-6, -4)) - end) / fall;
  if (fell && half < 0.7 && lately > 0.1 && end > 0.3 * start) {
    return tooLow(`The loss falls in a nearly straight line, ${from} in ${steps.length} steps`);
  }
  const flat = Math.abs(middle - end) < Math.max(0.05 * start, 2 * uncertain);
  if (!flat || end < 0.4 * start) {
    const text = `The loss fell ${from}, fast at first and slower later: the learning rate of ${significant(highest)} suits.`;
    return { kind: 'good', text };
  }
  const stuck = fell ? `The loss fell ${from} and stays there` : `The loss stays near ${significant(end)}`;
  // One step far too long is enough to switch a net off; a mean over its stretch would hide it.
  const worst = steps.reduce((most, step) => (step.loss > most.loss ? step : most));
  if (worst.loss > 2 * start && worst.loss > end + 6 * noise) {
    return tooHigh(`${stuck}, after a jump to ${significant(worst.loss)} at step ${worst.step}`);
  }
  const jumps = noise > 0.15 * end;
  if (Math.max(...level) > 1.5 * start) {
    return tooHigh(`${stuck}, after a rise to ${significant(Math.max(...level))}`);
  }
  if (ratio === undefined ? jumps : ratio > 1e-2 || (jumps && ratio > 1e-3)) {
    return tooHigh(`${stuck}, ${jumps ? 'jumping about' : 'with large updates'}`);
  }
  if (!fell && (ratio === undefined || ratio < 1e-4)) return tooLow(stuck);
  const moved = (ratio ?? 0) * steps.length;
  if (!fell && moved < STILL) {
    const seen = `${stuck}, and all updates together are no more than ${significant(moved)} of the weights`;
    return tooLow(seen, 'Take three to ten times as much, or train longer.');
  }
  const text = `${stuck}: the model can do no more, or is stuck. Look at its capacity and its initial weights, and for dead or saturated units.`;
  return { kind: 'plateau', text };
}

/** The steps in PARTS stretches of equal learning: the rates in each add up to the same, as nearly as whole steps can. */
function stretches(steps: readonly LossFigures[]): number[][] {
  const total = steps.reduce((sum, { lr }) => sum + lr, 0);
  const parts = Array.from({ length: PARTS }, (): number[] => []);
  let done = 0;
  for (const [i, { loss, lr }] of steps.entries()) {
    const share = total > 0 ? done / total : i / steps.length;
    parts[Math.min(PARTS - 1, Math.floor(share * PARTS))].push(loss);
    done += lr;
  }
  // A stretch that one long step jumped over holds what the one before held.
  parts.forEach((part, i) => {
    if (part.length === 0) part.push(i > 0 ? parts[i - 1].at(-1)! : steps[0].loss);
  });
  return parts;
}
