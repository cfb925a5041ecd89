/** All rules of the house. */
import {
  barrels,
  header,
  length,
  names,
  noAny,
  noSleeping,
  reallyRun,
  silenced,
  swallowed,
} from './craft.ts';
import type { Rule } from './judge.ts';
import { cycles, layers } from './layers.ts';
import { deterministicCore, environment, handedIn, noFloatMoney } from './purity.ts';
import { vendors } from './vendors.ts';

export const RULES: readonly Rule[] = [
  layers,
  cycles,
  vendors,
  deterministicCore,
  handedIn,
  environment,
  noFloatMoney,
  names,
  barrels,
  length,
  header,
  noAny,
  silenced,
  swallowed,
  reallyRun,
  noSleeping,
];
