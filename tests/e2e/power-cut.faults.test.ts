/** Many power cuts, in several runs of the program: POWER_CUT_SEEDS=7,8 for other ones. */
import { test } from 'node:test';
import { provePowerCuts, skip } from '#tests/power-cut/prove.ts';

const seeds = (process.env['POWER_CUT_SEEDS'] ?? '11,12,13').split(',').map(Number);

for (const seed of seeds) {
  test(`five hundred power cuts, seed ${seed}`, { skip }, async (context) => {
    context.diagnostic(await provePowerCuts({ orders: 240, cuts: 500, startEvery: 10, seed }));
  });
}
