import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { MarketEvent } from '#domain/data/market-event.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { openDeadLetters } from '#infrastructure/event-log/dead-letters.ts';
import type { EventLog } from '#infrastructure/event-log/event-log.ts';
import {
  committingThrough,
  EXCERPT,
  finished,
  inWorld,
  replayConfig,
  START_MS,
  uninterrupted,
} from './ingestion.testing.ts';

const BARS = 180;

/** Per symbol 1, 2, 3 …; over all symbols never back in time. */
function assertInOrder(events: readonly MarketEvent[]): void {
  const next = new Map<string, number>();
  let timeMs = Number.NEGATIVE_INFINITY;
  for (const event of events) {
    assert.equal(event.sequence, next.get(event.symbol) ?? 1);
    next.set(event.symbol, event.sequence + 1);
    assert.ok(event.feedTimestampMs >= timeMs);
    timeMs = event.feedTimestampMs;
  }
  assert.equal(new Set(events.map(({ eventId }) => eventId)).size, events.length);
}

test('a file sorted by symbol is replayed in time order, four trades to a bar, volumes adding up', async () => {
  await inWorld(async (world) => {
    const status = await world.run(await replayConfig(world), finished);
    assert.equal(status['events'], BARS * 4);
    assert.equal(status['badRows'], 0);
    const events = await world.events();
    assert.equal(events.length, BARS * 4);
    assertInOrder(events);
    const last = events.filter(({ symbol }) => symbol === 'AAPL').at(-1);
    const rows = (await readFile(EXCERPT, 'utf8')).split('\n').filter((row) => row.startsWith('AAPL,'));
    const volume = rows.reduce((sum, row) => sum + BigInt(row.split(',')[6] ?? '0'), 0n);
    assert.equal(last?.volume, volume * 1_000_000_000n);
  });
});

test('the figures tell a feed that goes on from one that has come to its end, also after a restart', async () => {
  await inWorld(async (world) => {
    const config = await replayConfig(world);
    const phase = async () => /^tradehall_ingestion_phase\{[^}]*\} (\d)$/m.exec(await world.figures())?.[1];
    await world.run({ ...config, replaySpeed: 60 }, (status) => status['phase'] === 'running');
    assert.equal(await phase(), '1');
    for (let start = 0; start < 2; start += 1) {
      await world.run(config, finished);
      assert.equal(await phase(), '3');
    }
  });
});

test('stopped anywhere and started again, a replay gives the same events, each once', async () => {
  const whole = await uninterrupted();
  await inWorld(async (world) => {
    const config = await replayConfig(world);
    let commits = 0;
    // Paced, so that there are many small batches to stop between.
    const paced = { ...config, replaySpeed: 60 };
    for (const stopAfter of [1, 3, 7, 20]) {
      commits = 0;
      await world.run(paced, (status) => {
        commits += 1;
        return finished(status) || (commits > stopAfter && status['phase'] === 'running');
      });
    }
    await world.run(config, finished);
    assert.deepEqual(await world.events(), whole);
    // Once more after the end: nothing comes.
    await world.run(config, finished);
    assert.equal((await world.events()).length, whole.length);
  });
});

/** A log whose commits fail as `fault` says before the first goes through again; `fault` is told the commit's number. */
function faulty(
  log: EventLog,
  fault: (commit: number) => 'fine' | 'unavailable' | 'unknown-written' | 'unknown-lost',
) {
  let commits = 0;
  return committingThrough(log, async (commit) => {
    commits += 1;
    const kind = fault(commits);
    if (kind === 'unavailable') throw new OperatingError('LOG_UNAVAILABLE', 'away', { retry: 'retry' });
    if (kind === 'unknown-lost')
      throw new OperatingError('LOG_OUTCOME_UNKNOWN', 'silence', { retry: 'unknown' });
    const outcome = await commit();
    if (kind === 'unknown-written') {
      throw new OperatingError('LOG_OUTCOME_UNKNOWN', 'written, then silence', { retry: 'unknown' });
    }
    return outcome;
  });
}

test('a log that is away, or does not say whether it wrote, neither loses nor repeats an event', async () => {
  const whole = await uninterrupted();
  await inWorld(async (world) => {
    const config = { ...(await replayConfig(world)), replaySpeed: 600 };
    const faults = [
      'unavailable',
      'fine',
      'unknown-written',
      'unknown-lost',
      'unavailable',
      'fine',
      'unknown-written',
    ] as const;
    const log = faulty(world.log, (commit) => faults[commit % 31] ?? 'fine');
    await world.run(config, finished, log);
    assert.deepEqual(await world.events(), whole);
  });
});

test('rows that cannot be read go to the dead letters with line and reason; the rest goes on', async () => {
  await inWorld(async (world) => {
    const path = await world.writeFile(
      'trades.csv',
      [
        'symbol,t,price,size',
        'AAPL,2019-02-11T14:30:01Z,171.5,100',
        'AAPL,2019-02-11T14:30:02Z,-1,100',
        'AAPL,yesterday,171.5,100',
        'aapl,2019-02-11T14:30:03Z,171.5,100',
        'AAPL,2019-02-11T14:30:04Z,171.5',
        'AAPL,2019-02-11T14:30:05Z,172,',
        'AAPL,2919-02-11T14:30:05Z,172,1',
        'AAPL,2019-02-11T14:30:00Z,171,50',
      ].join('\n'),
    );
    const status = await world.run({ feed: { kind: 'replay', path } }, finished);
    assert.equal(status['badRows'], 6);
    const events = await world.events();
    assert.deepEqual(
      events.map(({ price, volume }) => [price, volume]),
      [
        [171_000_000_000n, 50_000_000_000n],
        [171_500_000_000n, 150_000_000_000n],
      ],
    );
    assert.deepEqual([events[0]?.bid, events[0]?.ask], [null, null]);
    const letters = await openDeadLetters(world.log, { topic: TOPIC.marketData, limit: 10 });
    const said = letters.map(({ reason, errors }) => [
      reason.split(':')[0],
      errors[0]?.field,
      errors[0]?.rule,
    ]);
    assert.deepEqual(said.sort(), [
      ['line 3', 'price', 'decimal_sign'],
      ['line 4', 't', 'timestamp'],
      ['line 5', 'symbol', 'symbol'],
      ['line 6', 'row', 'format'],
      ['line 7', 'size', 'required'],
      ['line 8', 't', 'maximum'],
    ]);
    assert.ok(
      letters.some(
        ({ original }) =>
          original !== null && Buffer.from(original).toString() === 'AAPL,yesterday,171.5,100',
      ),
    );
  });
});

test('rows of a symbol beyond the limit go to the dead letters; those that were there before go on, over a restart too', async () => {
  await inWorld(async (world) => {
    const rows = (...symbols: readonly string[]) =>
      ['symbol,t,price,size', ...symbols.map((symbol, at) => `${symbol},2019-02-11T14:30:0${at}Z,1,1`)].join(
        '\n',
      );
    const first = await world.writeFile('first.csv', rows('AAPL', 'MSFT', 'V', 'AAPL', 'JPM', 'MSFT'));
    const status = await world.run({ feed: { kind: 'replay', path: first }, maxSymbols: 2 }, finished);
    assert.deepEqual([status['events'], status['badRows']], [4, 2]);
    const later = await world.writeFile('later.csv', rows('V', 'AAPL').replaceAll('-11T', '-12T'));
    await world.run({ feed: { kind: 'replay', path: later }, maxSymbols: 2 }, finished);
    const letters = await openDeadLetters(world.log, { topic: TOPIC.marketData, limit: 10 });
    assert.deepEqual(
      letters.map(({ origin, errors, original }) => [
        'line' in origin ? origin.line : null,
        errors[0]?.field,
        errors[0]?.rule,
        String(original).split(',')[0],
      ]),
      [
        [4, 'symbol', 'maxItems', 'V'],
        [6, 'symbol', 'maxItems', 'JPM'],
        [2, 'symbol', 'maxItems', 'V'],
      ],
    );
    assert.match(
      letters[0]?.reason ?? '',
      /line 4: symbol V .* 2 symbols that market_data_max_symbols allows/,
    );
    const events = await world.events();
    assertInOrder(events);
    assert.equal(events.filter(({ symbol }) => symbol === 'AAPL').length, 3);
  });
});

test('quotes set bid and ask; without a trade the price is the middle of the quote', async () => {
  await inWorld(async (world) => {
    const path = await world.writeFile(
      'quotes.csv',
      'symbol,t,bid,bid_size,ask,ask_size\nMSFT,2019-02-11T14:30:00Z,105.10,200,105.14,300\nMSFT,2019-02-11T14:30:01Z,105.2,1,,\n',
    );
    await world.run({ feed: { kind: 'replay', path } }, finished);
    const [first, second] = await world.events();
    assert.equal(first?.price, 105_120_000_000n);
    assert.deepEqual([first?.bid, first?.ask, first?.size], [105_100_000_000n, 105_140_000_000n, null]);
    assert.deepEqual([second?.bid, second?.ask], [105_200_000_000n, null]);
  });
});

test('another file under the name of one that was replayed is not mistaken for it', async () => {
  await inWorld(async (world) => {
    const path = await world.writeFile('trades.csv', 'symbol,t,price,size\nV,2019-02-11T14:30:00Z,140,1\n');
    const config = { feed: { kind: 'replay', path } } as const;
    await world.run(config, finished);
    await world.writeFile('trades.csv', 'symbol,t,price,size\nV,2019-02-12T14:30:00Z,141,1\n');
    const service = await world.service(config);
    await service.start();
    for (
      let status = await service.status();
      status['phase'] !== 'stopped';
      status = await service.status()
    ) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    const readiness = service.readiness();
    await service.stop();
    assert.ok(!readiness.ready && /not the one that was replayed/.test(readiness.reasons.join()));
    assert.equal((await world.events()).length, 1);
  });
});

test('a file that is missing, or is no market data, fails the start with a sentence', async () => {
  await inWorld(async (world) => {
    const missing = await world.service({ feed: { kind: 'replay', path: '/nowhere/bars.csv' } });
    await assert.rejects(missing.start(), { code: 'MARKET_FILE_MISSING' });
    await missing.stop();
    const path = await world.writeFile('notes.csv', 'dear,diary\n');
    const unrecognised = await world.service({ feed: { kind: 'replay', path } });
    await assert.rejects(unrecognised.start(), /its header must name symbol,t,open,high,low,close,volume or/);
    await unrecognised.stop();
  });
});

test('a file whose compression is cut off stops ingestion with a sentence, and nothing of it is used', async () => {
  await inWorld(async (world) => {
    const packed = gzipSync(await readFile(EXCERPT));
    const path = await world.writeFile('cut.csv.gz', packed.subarray(0, packed.length / 2));
    const feed = { kind: 'replay', path } as const;
    const sentence = `The file ${path} is cut off: its compression ends too early. Nothing of it was used; put the whole file there.`;
    const status = await world.run({ feed }, finished);
    assert.equal(status['phase'], 'stopped');
    assert.equal(status['trouble'], sentence);
    assert.deepEqual(await world.events(), []);
    assert.deepEqual(await world.records(TOPIC.feedPositions), []);
    await world.writeFile('cut.csv.gz', packed);
    assert.equal((await world.run({ feed }, finished))['events'], BARS * 4);
  });
});

test('the simulated feed gives every symbol a price at once, from the clock’s time on, with bid, ask and sizes', async () => {
  await inWorld(async (world) => {
    await world.run({ replaySpeed: 1 }, (status) => Number(status['events']) > 300);
    const events = await world.events();
    assertInOrder(events);
    assert.equal(events[0]?.feedTimestampMs, START_MS);
    const symbols = new Set(events.slice(0, 65).map(({ symbol }) => symbol));
    assert.ok(symbols.size >= 50);
    for (const { bid, ask, bidSize, askSize, price } of events) {
      assert.ok(bid !== null && ask !== null && bidSize !== null && askSize !== null);
      assert.ok(bid < ask && bidSize > 0n && askSize > 0n && price > 0n);
    }
  });
});

test('the same seed gives the same simulated prices, with or without a restart in between; another seed others', async () => {
  const prices = async (seed: number, restarts: number): Promise<readonly unknown[]> => {
    let seen: readonly unknown[] = [];
    await inWorld(async (world) => {
      for (let part = 1; part <= restarts + 1; part += 1) {
        const goal = Math.ceil((1_000 * part) / (restarts + 1));
        await world.run({ seed }, (status) => Number(status['events']) >= goal);
      }
      const events = await world.events();
      assertInOrder(events);
      seen = events
        .slice(0, 1_000)
        .map(({ symbol, price, bid, ask, size }) => [symbol, price, bid, ask, size]);
    });
    return seen;
  };
  const straight = await prices(7, 0);
  assert.deepEqual(await prices(7, 3), straight);
  assert.notDeepEqual(await prices(8, 0), straight);
});

test('a feed that begins before what the log has seen is refused with a sentence: market time never goes back', async () => {
  await inWorld(async (world) => {
    await world.run({ feed: { kind: 'simulated' } }, (status) => Number(status['events']) > 0);
    const before = await world.records('market_data');
    const status = await world.run(await replayConfig(world), ({ phase }) => phase === 'stopped');
    assert.match(String(status['trouble']), /market time never goes back\. Start it on a fresh folder/);
    assert.equal((await world.records('market_data')).length, before.length);
  });
});

test('a second ingestion on the same log fences the first, which says so and is not ready', async () => {
  await inWorld(async (world) => {
    const first = await world.service({ replaySpeed: 1 });
    await first.start();
    for (let ready = first.readiness(); !ready.ready; ready = first.readiness()) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    await world.run({ replaySpeed: 1 }, (status) => Number(status['events']) > 500);
    const readiness = first.readiness();
    await first.stop();
    assert.ok(!readiness.ready && /has taken over/.test(readiness.reasons.join()));
    assertInOrder(await world.events());
  });
});

test('without a feed there is nothing to wait for', async () => {
  await inWorld(async (world) => {
    const service = await world.service({ feed: { kind: 'none' } });
    await service.start();
    assert.deepEqual(service.readiness(), { ready: true });
    await service.stop();
    assert.equal((await world.records(TOPIC.marketData)).length, 0);
  });
});
