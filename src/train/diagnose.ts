// diagnose(): what the records of a run say together, each finding weighed against the others.
import {
  deadDiagnosis,
  depthDiagnosis,
  type EpochFigures,
  type Finding,
  type FindingKind,
  gapDiagnosis,
  saturationDiagnosis,
  updateDiagnosis,
  updateRatios,
} from './diagnosis.ts';
import { type LossFigures, lossDiagnosis } from './diagnosis-loss.ts';
import type { ProbeRecord } from './monitor-records.ts';
import { median } from './statistics.ts';

/** What a run's records say, faults first. Of findings that contradict each other only the one that explains more is told. */
export function diagnose(run: {
  steps: readonly LossFigures[];
  epochs: readonly EpochFigures[];
  probes: readonly ProbeRecord[];
}): Finding[] {
  const { steps, epochs, probes } = run;
  const dead = deadDiagnosis(probes);
  const off = dead.some(({ kind }) => kind === 'dead layer');
  // Behind a layer that is switched off everything vanishes, whatever the weights began with.
  const depth = off ? [] : depthDiagnosis(probes);
  const saturated = saturationDiagnosis(probes);
  const loss = lossDiagnosis(steps, median(updateRatios(probes).map(({ ratio }) => ratio)));
  // Where no signal comes through, no rate and no capacity would help.
  const blocked = off || depth.some(({ kind }) => kind === 'vanishing');
  const faults = [...dead, ...depth, ...saturated];
  // Of a model that has learned nothing yet, no accuracy tells what it can do.
  const learned = steps.length === 0 || (epochs.at(-1)?.trainLoss ?? 0) < 0.9 * steps[0].loss;
  const says: Partial<Record<FindingKind, boolean>> = {
    'rate too low': !blocked,
    plateau: !blocked,
    'updates too large': loss?.kind !== 'good' && loss?.kind !== 'rate too low',
    'updates too small': !blocked && loss?.kind !== 'good' && loss?.kind !== 'rate too high',
    'too little capacity':
      faults.length === 0 && learned && loss?.kind !== 'rate too high' && loss?.kind !== 'rate too low',
    good: !blocked && (loss === null || loss.kind === 'good'),
  };
  const all = [loss, ...depth, ...dead, ...saturated, updateDiagnosis(probes), gapDiagnosis(epochs)].filter(
    (finding) => finding !== null && (says[finding.kind] ?? true),
  ) as Finding[];
  return [...all.filter(({ kind }) => kind !== 'good'), ...all.filter(({ kind }) => kind === 'good')];
}
