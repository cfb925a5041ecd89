/** The power goes, anywhere: what was answered with 202 is there, and the program starts by itself on what the disk has. */
import { test } from 'node:test';
import { provePowerCuts, skip } from '#tests/power-cut/prove.ts';

test('an order that was accepted survives a power cut, wherever it comes and whatever the disk had not synced', {
  skip,
}, async (context) => {
  context.diagnostic(await provePowerCuts({ orders: 120, cuts: 95, startEvery: 25, seed: 1 }));
});
