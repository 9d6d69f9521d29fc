// Diagnoses of a training run: what its loss, its accuracies and its probes say, each as a sentence with advice.
import type { EpochReport } from './callback.ts';
import type { LayerRecord, ParameterRecord, ProbeRecord } from './monitor-records.ts';
import { inPoints, percent, significant } from './report-format.ts';
import { median } from './statistics.ts';

export type FindingKind =
  | 'good'
  | 'rate too high'
  | 'rate too low'
  | 'plateau'
  | 'overfitting'
  | 'too little capacity'
  | 'updates too large'
  | 'updates too small'
  | 'dead units'
  | 'dead layer'
  | 'saturation'
  | 'vanishing'
  | 'exploding';

export interface Finding<K = FindingKind> {
  kind: K;
  /** What was seen, where, in figures, and what to do about it. */
  text: string;
}

/** What diagnoses of accuracy need of an epoch. */
export type EpochFigures = Omit<EpochReport, 'seconds'>;

/** Probes that a lasting state, such as a dead unit, is looked for in, at most and at least. */
const LASTING = 3;
const ENOUGH = 2;

/** Probes of what training made of a model: not of step 1, which measures its beginning, and Adam's first step of full size. */
const trained = (probes: readonly ProbeRecord[]): ProbeRecord[] => probes.filter(({ step }) => step > 1);

const present = (values: (number | null)[]): number[] => values.filter((value) => value !== null);

/**
 * Training against validation accuracy, or losses where a task has no accuracy: a gap of more than 10 points, or a
 * validation loss 10 % above its lowest while the training loss falls on, is overfitting; a gap below 5 points while both are low
 * and no longer rise is too little capacity. Null before there is a validation.
 */
export function gapDiagnosis(
  epochs: readonly EpochFigures[],
): Finding<'overfitting' | 'too little capacity' | 'good'> | null {
  const last = epochs.at(-1);
  if (last?.validationLoss == null) return null;
  const lowest = epochs.reduce(
    (best, e) => ((e.validationLoss ?? best.validationLoss!) < best.validationLoss! ? e : best),
    last,
  );
  const rose = last.validationLoss > 1.1 * lowest.validationLoss! && last.trainLoss < lowest.trainLoss;
  const { trainAccuracy, validationAccuracy } = last;
  const known = trainAccuracy !== null && validationAccuracy !== null;
  const gap = known ? trainAccuracy - validationAccuracy : 0;
  const advice = 'Regularize more (weight decay, dropout, augmentation), find more data, or stop earlier.';
  if (gap > 0.1) {
    const both = `training accuracy ${percent(trainAccuracy!, 1)} and validation accuracy ${percent(validationAccuracy!, 1)}`;
    return {
      kind: 'overfitting',
      text: `Overfitting: ${inPoints(gap)} points lie between ${both} after epoch ${last.epoch}. ${advice}`,
    };
  }
  if (rose && (!known || gap >= 0.03)) {
    const from = `${significant(lowest.validationLoss!)} after epoch ${lowest.epoch}`;
    return {
      kind: 'overfitting',
      text: `Overfitting: the validation loss rose from ${from} to ${significant(last.validationLoss)}, while the training loss fell. ${advice}`,
    };
  }
  if (!known) return null;
  const gapText = `a gap of ${inPoints(gap)} points between training accuracy ${percent(trainAccuracy, 1)} and validation accuracy ${percent(validationAccuracy, 1)}`;
  const earlier = epochs.at(-Math.max(3, Math.ceil(epochs.length / 3)));
  const flat = earlier?.trainAccuracy != null && trainAccuracy - earlier.trainAccuracy < 0.01;
  if (flat && gap < 0.05 && trainAccuracy < 0.9) {
    return {
      kind: 'too little capacity',
      text: `Too little capacity: ${gapText}, and neither rises any more. Make the model larger, or regularize it less.`,
    };
  }
  const above = `validation accuracy ${percent(validationAccuracy, 1)} is above training accuracy ${percent(trainAccuracy, 1)}, a mean over the whole epoch`;
  return { kind: 'good', text: `No overfitting: ${gap < 0 ? above : gapText}.` };
}

/** Median of update norm to weight norm over the probes after step 1, of parameters of rank 2 or more that are updated at all. */
export function updateRatios(probes: readonly ProbeRecord[]): { name: string; ratio: number }[] {
  const byName = new Map<string, number[]>();
  for (const { parameters } of trained(probes)) {
    for (const parameter of parameters) {
      const ratio = ratioOf(parameter);
      if (ratio === null || ratio === 0 || parameter.shape.length < 2) continue;
      byName.set(parameter.name, [...(byName.get(parameter.name) ?? []), ratio]);
    }
  }
  return [...byName].map(([name, ratios]) => ({ name, ratio: median(ratios)! }));
}

/** Norm of the update to norm of the values; null where either is no number, or the values are 0. */
export const ratioOf = ({ update, weight }: ParameterRecord): number | null =>
  update === null || !weight ? null : update / weight;

/** Updates should be about a thousandth of the weights: above 3 in 100 they are too large, below 3 in 100,000 too small. */
export function updateDiagnosis(probes: readonly ProbeRecord[]): Finding | null {
  const ratios = updateRatios(probes).sort((a, b) => a.ratio - b.ratio);
  if (ratios.length === 0) return null;
  const [least, most] = [ratios[0], ratios.at(-1)!];
  const more = (count: number) => (count > 1 ? `, and ${count - 1} more like it` : '');
  const large = ratios.filter(({ ratio }) => ratio > 3e-2).length;
  if (large > 0) {
    return {
      kind: 'updates too large',
      text: `Updates too large: a step changes ${most.name} by ${significant(most.ratio)} of its norm, where about 0.001 is right${more(large)}. Lower the learning rate.`,
    };
  }
  const small = ratios.filter(({ ratio }) => ratio < 3e-5).length;
  if (small > 0) {
    return {
      kind: 'updates too small',
      text: `Updates too small: a step changes ${least.name} by ${significant(least.ratio)} of its norm, where about 0.001 is right${more(small)}. Raise the learning rate.`,
    };
  }
  const middle = median(ratios.map(({ ratio }) => ratio))!;
  return {
    kind: 'good',
    text: `Updates are ${significant(middle)} of the weights (median over layers), where about 0.001 is right.`,
  };
}

const titled = ({ name, type }: LayerRecord) => `${name} (${type})`;

/**
 * ReLU units that were 0 for every example of the last probes after step 1, three or two, where they are a tenth of their
 * layer or more. A layer all of whose units are 0 lets no gradient through: of it the last probe alone tells.
 */
export function deadDiagnosis(probes: readonly ProbeRecord[]): Finding<'dead units' | 'dead layer'>[] {
  const lasting = trained(probes).slice(-LASTING);
  return (probes.at(-1)?.layers ?? []).flatMap((layer): Finding<'dead units' | 'dead layer'>[] => {
    if (!layer.dead) return [];
    const whole = layer.dead.length === layer.units;
    if (lasting.length < ENOUGH && !whole) return [];
    const seen = whole
      ? [layer]
      : lasting.flatMap(({ layers }) => layers.find(({ name }) => name === layer.name) ?? []);
    const dead = layer.dead.filter((unit) => seen.every((earlier) => earlier.dead?.includes(unit))).length;
    if (dead === 0 || dead < 0.1 * layer.units) return [];
    const count = whole
      ? `all ${layer.units} units`
      : `${dead} of ${layer.units} units (${Math.round((100 * dead) / layer.units)} %)`;
    const where = whole
      ? `at step ${probes.at(-1)!.step}, so that no gradient comes through`
      : `of the last ${lasting.length} probes`;
    return [
      {
        kind: whole ? 'dead layer' : 'dead units',
        text: `Dead ReLU units: ${count} of ${titled(layer)} gave 0 for every example ${where}. Lower the learning rate, check the initial biases, or take LeakyReLU.`,
      },
    ];
  });
}

/** Tanh and sigmoid layers of which, by the median of the last three probes, three outputs in ten are saturated. */
export function saturationDiagnosis(probes: readonly ProbeRecord[]): Finding[] {
  return (probes.at(-1)?.layers ?? []).flatMap((layer): Finding[] => {
    if (layer.saturated === null) return [];
    const shares = probes
      .slice(-LASTING)
      .map(({ layers }) => layers.find(({ name }) => name === layer.name)?.saturated ?? null);
    const share = median(present(shares))!;
    if (share < 0.3) return [];
    return [
      {
        kind: 'saturation',
        text: `Saturation: ${Math.round(100 * share)} % of the outputs of ${titled(layer)} lie at the bounds, where hardly a gradient comes through. Begin with smaller weights (Xavier), lower the learning rate, or normalize the batch.`,
      },
    ];
  });
}

/** The layers that show how signals travel through the depth: activations, or else layers with weights before the last. */
export function depthLayers({ layers }: ProbeRecord): LayerRecord[] {
  const activations = layers.filter(({ role }) => role === 'activation');
  return activations.length >= 3 ? activations : layers.filter(({ role }) => role === 'weights').slice(0, -1);
}

/**
 * Outputs, and gradients on their way back, that shrink or grow over the depth of the last probe: by 30 in all, and by a
 * third or more per layer.
 */
export function depthDiagnosis(probes: readonly ProbeRecord[]): Finding[] {
  const last = probes.at(-1);
  const layers = last ? depthLayers(last) : [];
  if (layers.length < 3) return [];
  const init = 'Begin with Xavier weights (He for ReLU), or normalize the batch.';
  const findings: Finding[] = [];
  const compare = (
    what: string,
    from: LayerRecord,
    to: LayerRecord,
    start: number | null | undefined,
    end: typeof start,
  ) => {
    if (start == null || end == null || (start === 0 && end === 0)) return;
    const [low, high] = [Math.min(start, end), Math.max(start, end)];
    const perLayer = (low / high) ** (1 / (layers.length - 1));
    if (low > high / 30 || perLayer > 2 / 3) return;
    const shrinks = end < start;
    findings.push({
      kind: shrinks ? 'vanishing' : 'exploding',
      text: `${shrinks ? 'Vanishing' : 'Exploding'} ${what}: their standard deviation ${shrinks ? 'falls' : 'grows'} from ${significant(start)} at ${titled(from)} to ${significant(end)} at ${titled(to)}. ${init}`,
    });
  };
  const [first, deepest] = [layers[0], layers.at(-1)!];
  compare('activations', first, deepest, first.activation.std, deepest.activation.std);
  compare('gradients', deepest, first, deepest.gradient?.std, first.gradient?.std);
  return findings;
}
