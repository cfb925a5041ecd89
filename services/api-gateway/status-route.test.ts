/** What an operator is told of the whole: nothing that is not known passes for good. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PartitionHalts } from '#infrastructure/cache/cache.ts';
import type { HttpRequest } from '#infrastructure/core/http.ts';
import type { Readiness } from '#infrastructure/core/service.ts';
import type { InstanceState } from './proxy/instance.ts';
import { statusRoute } from './status-route.ts';

const RELEASED: PartitionHalts = { partition: 0, nextInputOffset: 0, all: false, accounts: [], unlisted: 0 };

interface Situation {
  readonly readiness?: Readiness;
  /** By partition, as execution has told the cache. */
  readonly halts?: readonly (PartitionHalts | null)[];
  /** By service elsewhere. */
  readonly elsewhere?: Readonly<Record<string, readonly InstanceState[]>>;
}

async function statusOf({ readiness = { ready: true }, halts = [RELEASED], elsewhere = {} }: Situation) {
  const route = statusRoute(
    {
      services: () => [],
      readiness: () => readiness,
      diskUse: async () => ({ bytes: 1, freeBytes: 2 }),
      dataFolder: '/data',
      version: '0.0.0',
    },
    {
      topics: async () => [],
      groups: async () => [],
      committedPositions: async () => [],
      extents: async (topic) =>
        halts.map((_, partition) => ({ topic, partition, firstOffset: 0, nextOffset: 1 })),
    },
    {
      prices: { latestFeedTimestampMs: async () => null },
      halts: { get: async (partition) => halts[partition] ?? null },
    },
    {
      view: () =>
        Object.fromEntries(
          Object.entries(elsewhere).map(([name, states]) => [
            name,
            states.map((state, at) => ({
              address: `http://${name}-${at}:80`,
              state,
              reason: '',
              inFlight: 0,
            })),
          ]),
        ),
    },
  );
  const answer = await route.handle({} as HttpRequest<never, never, never>);
  assert(answer.kind === 'json');
  return answer.body as Readonly<Record<'ready' | 'reasons' | 'trading', unknown>>;
}

test('a partition of which execution has told nothing is counted, not left out', async () => {
  const engaged: PartitionHalts = { ...RELEASED, all: true };
  const { trading } = await statusOf({ halts: [null, RELEASED, engaged, null] });
  assert.deepEqual(trading, {
    partitions: 4,
    partitionsUnknown: 2,
    partitionsHalted: 1,
    accountsHalted: 0,
    breakersTripped: 0,
    unlisted: 0,
  });
});

test('it is ready with one instance of each service elsewhere, and not without', async () => {
  const told = async (situation: Situation) => {
    const { ready, reasons } = await statusOf(situation);
    return { ready, reasons };
  };
  assert.deepEqual(await told({ elsewhere: { order: ['down', 'ready'], query: ['ready'] } }), {
    ready: true,
    reasons: [],
  });
  assert.deepEqual(
    await told({
      readiness: { ready: false, reasons: ['api-gateway: draining'] },
      elsewhere: { order: ['down', 'unready'], query: ['ready'], portfolio: [] },
    }),
    {
      ready: false,
      reasons: [
        'api-gateway: draining',
        'order: no instance of it is ready',
        'portfolio: no instance of it is ready',
      ],
    },
  );
  assert.deepEqual(await told({ elsewhere: { order: ['unknown'] } }), {
    ready: false,
    reasons: ['order: no instance of it is ready'],
  });
});
