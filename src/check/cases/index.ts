// All cases of the project, by family.
import type { Case } from '../case.ts';
import { cases as activation } from './activation.ts';
import { cases as arena } from './arena.ts';
import { cases as averagePool } from './average-pool.ts';
import { cases as comparison } from './comparison.ts';
import { cases as composed } from './composed.ts';
import { cases as conv } from './conv.ts';
import { cases as convForms } from './conv-forms.ts';
import { cases as crossEntropy } from './cross-entropy.ts';
import { cases as diagonal } from './diagonal.ts';
import { cases as einsum } from './einsum.ts';
import { cases as elementwise } from './elementwise.ts';
import { cases as extrema } from './extrema.ts';
import { cases as halves } from './halves.ts';
import { cases as indexing } from './indexing.ts';
import { cases as join } from './join.ts';
import { cases as layout } from './layout.ts';
import { cases as margin } from './margin.ts';
import { cases as matmul } from './matmul.ts';
import { cases as maxPool } from './max-pool.ts';
import { cases as movement } from './movement.ts';
import { cases as nonFinite } from './non-finite.ts';
import { cases as norm } from './norm.ts';
import { cases as normalize } from './normalize.ts';
import { cases as pad } from './pad.ts';
import { cases as probability } from './probability.ts';
import { cases as random } from './random.ts';
import { cases as rearrange } from './rearrange.ts';
import { cases as rectifier } from './rectifier.ts';
import { cases as reduction } from './reduction.ts';
import { cases as refused } from './refused.ts';
import { cases as regression } from './regression.ts';
import { cases as scan } from './scan.ts';
import { cases as select } from './select.ts';
import { cases as slice } from './slice.ts';
import { cases as softmax } from './softmax.ts';
import { cases as sort } from './sort.ts';
import { cases as split } from './split.ts';
import { cases as statistics } from './statistics.ts';
import { cases as transcendental } from './transcendental.ts';
import { cases as update } from './update.ts';
import { cases as within } from './within.ts';

export const cases: Case[] = [
  ...elementwise,
  ...comparison,
  ...transcendental,
  ...layout,
  ...activation,
  ...rectifier,
  ...reduction,
  ...extrema,
  ...statistics,
  ...movement,
  ...slice,
  ...split,
  ...matmul,
  ...einsum,
  ...conv,
  ...convForms,
  ...maxPool,
  ...averagePool,
  ...composed,
  ...halves,
  ...norm,
  ...normalize,
  ...crossEntropy,
  ...margin,
  ...regression,
  ...indexing,
  ...select,
  ...sort,
  ...softmax,
  ...random,
  ...within,
  ...update,
  ...arena,
  ...diagonal,
  ...join,
  ...pad,
  ...rearrange,
  ...scan,
  ...probability,
  ...refused,
  ...nonFinite,
];
