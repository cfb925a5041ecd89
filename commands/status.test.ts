/** What `tradehall status` prints for a person: a line for each target, and no state that only a program can read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeStatus } from './status.ts';

const ANSWER = {
  version: '0.1.0',
  dataFolder: '/data',
  ready: false,
  reasons: ['query: the trade history is locked'],
  targets: [
    {
      name: 'market-ingestion',
      ready: true,
      reasons: [],
      status: {
        feed: 'simulated:1',
        trouble: null,
        badRows: 3,
        position: JSON.stringify({ random: Array.from({ length: 65 }, (_, at) => at * 1000) }),
        partitions: [{ partition: 0, lag: 0 }],
        marketTimeMs: 1_549_895_400_000,
      },
    },
    { name: 'query', ready: false, reasons: ['the trade history is locked'], status: {} },
  ],
  elsewhere: {},
  log: {
    partitions: [{ topic: 'trade_orders', partition: 0, firstOffset: 0, nextOffset: 7 }],
    groups: [{ group: 'portfolio', positions: [{ topic: 'account_states', partition: 0, lag: 2 }] }],
  },
  feed: { latestFeedTimestamp: null },
  trading: { partitions: 4, partitionsHalted: 0, accountsHalted: 0 },
  disk: { bytes: 1_048_576, freeBytes: 2_097_152 },
};

test('a target is one line, a reason another; what has parts or is long is left to --json', () => {
  assert.deepEqual(describeStatus(ANSWER), [
    'Tradehall 0.1.0 on /data: not ready (query: the trade history is locked)',
    'Feed: no price yet',
    'Trading: open',
    'Disk: 1 MiB used, 2 MiB free',
    '',
    'Targets',
    '  market-ingestion     ready      feed simulated:1, bad rows 3, market time 2019-02-11T14:30:00.000Z',
    '  query                not ready',
    '    the trade history is locked',
    '',
    'Log',
    '  trade_orders/0               records 0 to 6',
    '',
    'Consumers',
    '  portfolio            2 records behind',
  ]);
});

test('whose trading is halted is said, and that it is not known passes for nothing else', () => {
  const told = (trading: Parameters<typeof describeStatus>[0]['trading']) =>
    describeStatus({ ...ANSWER, trading }).find((line) => line.startsWith('Trading: '));
  const partitions = 4;
  assert.deepEqual(
    [
      told({ partitions, partitionsHalted: 4, accountsHalted: 1 }),
      told({ partitions, partitionsHalted: 1, accountsHalted: 0 }),
      told({ partitions, partitionsHalted: 0, accountsHalted: 1 }),
      told({ partitions, partitionsHalted: 0, accountsHalted: 2 }),
      told({ partitions, partitionsHalted: 0, accountsHalted: 0, breakersTripped: 1 }),
      told({ partitions, partitionsHalted: 0, accountsHalted: 1, breakersTripped: 2, unlisted: 3 }),
      told({ partitions, partitionsUnknown: 3, partitionsHalted: 0 }),
      told({ partitions, partitionsUnknown: 1, partitionsHalted: 3 }),
      told({ partitions, partitionsUnknown: 4, partitionsHalted: 0 }),
      told({ error: 'Redis does not answer.' }),
    ],
    [
      'Trading: halted for every account by the kill switch',
      'Trading: halted for the accounts of 1 of 4 partitions by the kill switch',
      'Trading: open, but for 1 account halted by the kill switch',
      'Trading: open, but for 2 accounts halted by the kill switch',
      'Trading: open, but for 1 account that may only sell since the breaker tripped',
      'Trading: open, but for 1 account halted by the kill switch; 2 accounts that may only sell since the breaker tripped; 3 accounts more',
      'Trading: open; nothing is known of 3 of 4 partitions',
      'Trading: halted for the accounts of 3 of 4 partitions by the kill switch; nothing is known of 1 of 4 partitions',
      'Trading: nothing is known of it: does execution run?',
      'Trading: Redis does not answer.',
    ],
  );
});

test('each address of a service elsewhere is a line, and of one that is down the reason', () => {
  const lines = describeStatus({
    ...ANSWER,
    elsewhere: {
      order: [
        { address: 'http://a:8087', state: 'ready', reason: 'readiness 200' },
        { address: 'http://b:8087', state: 'down', reason: 'connect ECONNREFUSED 10.0.0.2:8087' },
      ],
      query: [{ address: 'http://c:8086', state: 'unready', reason: 'readiness 503' }],
      portfolio: [],
    },
  });
  const from = lines.indexOf('Elsewhere');
  assert.deepEqual(lines.slice(from - 1, lines.indexOf('Log')), [
    '',
    'Elsewhere',
    '  order                ready      http://a:8087',
    '  order                down       http://b:8087: connect ECONNREFUSED 10.0.0.2:8087',
    '  query                not ready  http://c:8086',
    '  portfolio            down       no address is known',
    '',
  ]);
});
