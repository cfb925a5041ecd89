/** A sealer begins with the chains as they are, and does not read the seals of a year for that. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { SILENT } from '#tests/support/silent-logger.ts';
import { RETAINED } from '../event-log.testing.ts';
import type { TopicPartition } from '../event-log.ts';
import { NO_HASH } from '../seal.ts';
import { type LogHeads, openLogHeads } from '../sqlite/log-heads.ts';
import { type RestoreParts, restoreChains } from './restore-chains.ts';
import { SealHeads } from './seal-heads.ts';
import { SealsUnderTest } from './seals.testing.ts';

const TOPIC = RETAINED.name;
const [BUSY, RARE, SILENT_ONE] = [0, 1, 2].map((partition) => ({ topic: TOPIC, partition })) as [
  TopicPartition,
  TopicPartition,
  TopicPartition,
];
/** More than these are many. */
const LIMITS = { few: 100, stepBack: 10 };

let folder: string;
let file: LogHeads;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'restore-chains-'));
  file = openLogHeads(folder);
});
afterEach(() => {
  file.close();
  rmSync(folder, { recursive: true });
});

function partsOf(seals: SealsUnderTest): RestoreParts {
  return {
    log: seals,
    ends: seals,
    catalogue: {
      has: () => true,
      places: () => [BUSY, RARE, SILENT_ONE],
      sealedTopics: () => [RETAINED],
    },
    heads: new SealHeads(file, SILENT),
    headsFolder: folder,
  };
}

function sealBusy(seals: SealsUnderTest, times: number): void {
  for (let at = 0; at < times; at += 1) seals.seal(BUSY);
}

/** Of a log that goes on and on: a rare partition is sealed before the last 300 seals of the busy one. */
function longLog(): SealsUnderTest {
  const seals = new SealsUnderTest();
  sealBusy(seals, 5_000);
  seals.seal(RARE);
  sealBusy(seals, 250);
  seals.expire(RARE, 5);
  sealBusy(seals, 50);
  seals.expire(BUSY, 20_000);
  return seals;
}

async function restored(seals: SealsUnderTest) {
  const { chains, expired } = await restoreChains(partsOf(seals), LIMITS);
  for (const { topic, partition, next, hash } of seals.heads)
    assert.deepEqual(chains.of({ topic, partition }), { next, hash });
  return expired;
}

test('without heads: as far back as the seals of every partition that ever held a record reach', async () => {
  const seals = longLog();
  const expired = await restored(seals);
  assert.deepEqual(expired, [
    { ...RARE, offset: 5 },
    { ...BUSY, offset: 20_000 },
  ]);
  assert(seals.readFrom > 4_000, `read from ${seals.readFrom}`);
});

test('what it found is noted, and the next start goes on from there', async () => {
  const seals = longLog();
  await restored(seals);
  sealBusy(seals, 50);
  const { end } = seals;
  seals.readFrom = Number.POSITIVE_INFINITY;
  assert.deepEqual(await restored(seals), []);
  assert.equal(seals.readFrom, end - 50);
});

test('with heads of long ago, a partition that has been silent since keeps its own', async () => {
  const seals = new SealsUnderTest();
  seals.seal(RARE);
  sealBusy(seals, 50);
  await restored(seals);
  sealBusy(seals, 3_000);
  const { end } = seals;
  seals.readFrom = Number.POSITIVE_INFINITY;
  await restored(seals);
  assert.equal(seals.readFrom, 51, `of ${end}`);
});

test('an entry that does not follow stops it, also where most was not read', async () => {
  for (const make of [() => new SealsUnderTest(), longLog]) {
    const seals = make();
    sealBusy(seals, 20);
    const { next } = seals.chains.of(BUSY);
    seals.append({
      kind: 'seal',
      ...BUSY,
      first: next,
      last: next,
      count: 1,
      root: NO_HASH,
      previous: NO_HASH,
    });
    await assert.rejects(restoreChains(partsOf(seals), LIMITS), {
      code: 'LOG_DAMAGED',
      message: new RegExp(`log_seals offset ${seals.end - 1} is not a seal that follows`),
    });
  }
});
