/**
 * Records of another producer on our topics: whatever a decoder lets through, nobody behind it may throw over. What it does
 * not let through goes to the dead letters.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { decodeAccountStateEntity } from '#domain/data/account-state-codec.ts';
import { entityKey } from '#domain/data/account-state-key.ts';
import { encodeAccountStateEntity } from '#domain/data/account-state-writer.ts';
import type { Decoded } from '#domain/data/decoded.ts';
import { decodeMarketEvent, encodeMarketEvent } from '#domain/data/market-event-codec.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { postingsOf } from '#domain/data/trading-events.ts';
import { decodeTradingInput, encodeTradingInput } from '#domain/data/trading-input-codec.ts';
import {
  decodeLedgerEntry,
  decodeOrderUpdate,
  decodeTradeExecuted,
  decodeVenueCommand,
  encodeTradingOutput,
} from '#domain/data/trading-output-codec.ts';
import {
  applyInput,
  assertInvariants,
  createPartition,
  PartitionRestore,
  stateHash,
  takeChangedEntities,
} from '#domain/trading/engine.ts';
import type { LogRecord } from '#infrastructure/event-log/event-log.ts';
import type { PortfolioStore } from '#infrastructure/portfolios/portfolios.ts';
import { openSqlitePortfolios } from '#infrastructure/portfolios/sqlite/sqlite-portfolios.ts';
import { openSqliteRelational } from '#infrastructure/relational/sqlite/sqlite-relational.ts';
import type { RelationalStores } from '#infrastructure/relational/stores.ts';
import { openDuckDbTradeAnalytics } from '#infrastructure/trade-analytics/duckdb/duckdb-trade-analytics.ts';
import type { TradeAnalytics } from '#infrastructure/trade-analytics/trade-analytics.ts';
import { openSqliteTradeHistory } from '#infrastructure/trade-history/sqlite/sqlite-trade-history.ts';
import type { TradeHistory } from '#infrastructure/trade-history/trade-history.ts';
import { readWireUpdate } from '#services/market-data/order-update-wire.ts';
import { indexRows } from '#services/order/order-index-fold.ts';
import { AccountStatesReader } from '#services/portfolio/account-states-reader.ts';
import { statementLine } from '#services/portfolio/statement-lines.ts';
import { outputRecord } from '#streams/trade-execution/commit-records.ts';
import { batchPrices } from '#streams/trade-execution/price-batching.ts';
import { analyticsTrade, historyDocument } from '#streams/trade-persistence/trade-documents.ts';
import { anyMarketEvent, anyTradingInput } from '#tests/support/arbitrary-events.ts';
import {
  anyAccountStateEntity,
  anyLedgerEntry,
  anyOrderUpdate,
  anyTradeExecuted,
} from '#tests/support/arbitrary-outputs.ts';
import { arbitraryInputs, smallWorld } from '#tests/support/arbitrary-trading-inputs.ts';
import { mutated } from '#tests/support/mutated-records.ts';
import { temporaryDirectory } from './platform.ts';

const SOURCE = { sourceService: 'another' };
const MOST_RECORD_BYTES = 1024 * 1024;

/** Batches of what can be read of `written`, changed. */
function readable<Value>(
  written: fc.Arbitrary<Uint8Array>,
  decode: (bytes: Uint8Array) => Decoded<Value>,
): fc.Arbitrary<readonly Value[]> {
  return fc
    .array(mutated(written), { maxLength: 12 })
    .map((records) => records.map(decode).flatMap((read) => (read.kind === 'decoded' ? [read.value] : [])));
}

const RUNS = { numRuns: 150 };
const ALWAYS = { startMs: Number.MIN_SAFE_INTEGER, endMs: Number.MAX_SAFE_INTEGER };

describe('a store takes what its projection makes of a record that can be read', () => {
  const directory = temporaryDirectory();
  let relational: RelationalStores;
  let portfolios: PortfolioStore;
  let history: TradeHistory;
  let analytics: TradeAnalytics;
  before(async () => {
    const at = (name: string) => ({ path: `${directory.path}/${name}` });
    relational = await openSqliteRelational(at('relational.sqlite'));
    portfolios = await openSqlitePortfolios(at('portfolios.sqlite'));
    history = await openSqliteTradeHistory(at('history.sqlite'));
    analytics = await openDuckDbTradeAnalytics({ path: ':memory:', memoryLimitMb: 64, threads: 1 });
  });
  after(async () => {
    await Promise.all([relational, portfolios, history, analytics].map((store) => store.close()));
    directory.dispose();
  });

  test('order updates and submitted orders: the order index', async () => {
    const updates = anyOrderUpdate.map((update) => encodeTradingOutput(update, SOURCE));
    const inputs = anyTradingInput.map((input) => encodeTradingInput(input, SOURCE));
    await fc.assert(
      fc.asyncProperty(
        readable(updates, decodeOrderUpdate),
        readable(inputs, decodeTradingInput),
        async (steps, commands) => {
          const submitted = commands.filter((command) => command.type === 'SubmitOrder');
          await relational.orders.put(indexRows({ submitted, updates: steps }));
          const opened = commands.filter((command) => command.type === 'OpenAccount');
          await relational.accounts.put(
            opened.map(({ accountId, name, ingestTimeMs }) => ({
              accountId,
              name,
              createdAtMs: ingestTimeMs,
            })),
          );
        },
      ),
      RUNS,
    );
    await relational.orders.scan(null, 10_000);
  });

  test('order updates: sockets', () => {
    fc.assert(
      fc.property(
        mutated(anyOrderUpdate.map((update) => encodeTradingOutput(update, SOURCE))),
        (bytes) => void readWireUpdate(bytes),
      ),
    );
  });

  test('ledger entries: statements', async () => {
    const entries = fc.tuple(anyLedgerEntry, fc.boolean()).map(([entry, isAllItsOwn]) => {
      const postings = postingsOf(entry).map((each) => ({ ...each, account: entry.accountId, asset: 'USD' }));
      return encodeTradingOutput(isAllItsOwn ? { ...entry, postings } : entry, SOURCE);
    });
    await fc.assert(
      fc.asyncProperty(readable(entries, decodeLedgerEntry), (read) =>
        relational.statements.append(read.map(statementLine)),
      ),
      RUNS,
    );
    await relational.statements.scan(null, 10_000);
  });

  test('trades: history and analytics', async () => {
    const trades = anyTradeExecuted.map((trade) => encodeTradingOutput(trade, SOURCE));
    await fc.assert(
      fc.asyncProperty(readable(trades, decodeTradeExecuted), async (read) => {
        await history.index(read.map(historyDocument));
        await analytics.append(read.map(analyticsTrade).filter((trade) => trade !== null));
      }),
      RUNS,
    );
    await history.scan(null, 10_000);
    await analytics.totals();
    for (const { symbol } of await analytics.volume(ALWAYS)) {
      await analytics.vwap(ALWAYS, symbol);
      await analytics.bars(ALWAYS, symbol, 60_000, 100);
    }
  });

  test('account states: portfolios', async () => {
    const states = anyAccountStateEntity.map((entity) => ({
      key: entityKey(entity),
      bytes: encodeAccountStateEntity(entity),
    }));
    const records = fc.array(
      states.chain(({ key, bytes }) =>
        fc.record({
          key: fc.oneof(
            { weight: 5, arbitrary: fc.constant<string | null>(key) },
            fc.constantFrom(null, '', 'account/'),
          ),
          value: fc.option(mutated(fc.constant(bytes)), { freq: 5 }),
        }),
      ),
      { maxLength: 12 },
    );
    const reader = new AccountStatesReader({
      store: portfolios,
      cachedPortfolios: 5,
      onWritten() {},
      onConflict() {},
      async onUnreadable() {},
    });
    await fc.assert(
      fc.asyncProperty(records, async (written) => {
        const records = written.map(
          (record, offset): LogRecord => ({
            ...record,
            topic: TOPIC.accountStates,
            partition: 0,
            offset,
            appendedAtMs: 0,
          }),
        );
        const after = { topic: TOPIC.accountStates, partition: 0, offset: written.length };
        await reader.store(await reader.read(records), [after]);
      }),
      RUNS,
    );
    await portfolios.list(null, 1_000);
  });
});

test('prices that can be read make batches that can be written and read', () => {
  const events = anyMarketEvent.map((event) => encodeMarketEvent(event, SOURCE));
  fc.assert(
    fc.property(readable(events, decodeMarketEvent), (read) => {
      for (const batch of batchPrices(read, 20, 0)) {
        const bytes = encodeTradingInput(batch, SOURCE);
        assert.ok(bytes.length <= MOST_RECORD_BYTES);
        assert.deepEqual(decodeTradingInput(bytes), { kind: 'decoded', value: batch });
      }
    }),
  );
});

const OUTPUT_DECODERS = {
  TradeExecuted: decodeTradeExecuted,
  OrderUpdate: decodeOrderUpdate,
  LedgerEntry: decodeLedgerEntry,
  VenueCommand: decodeVenueCommand,
} as const;

// What the core says of an input is read by everybody behind it, and its own state by the next owner.
test('what execution makes of inputs that can be read can be read, and restored', () => {
  const inputs = arbitraryInputs(smallWorld, 40).chain((list) =>
    fc.tuple(
      ...list.map((input) =>
        fc.oneof(
          { weight: 2, arbitrary: fc.constant(encodeTradingInput(input, SOURCE)) },
          mutated(fc.constant(encodeTradingInput(input, SOURCE))),
        ),
      ),
    ),
  );
  fc.assert(
    fc.property(inputs, (records) => {
      const state = createPartition(0);
      const restoring = new PartitionRestore(0);
      for (const bytes of records) {
        const input = decodeTradingInput(bytes);
        if (input.kind === 'unreadable') continue;
        for (const output of applyInput(state, input.value)) {
          const { value } = outputRecord(output, 0);
          assert.ok(value !== null);
          const said = OUTPUT_DECODERS[output.type](value);
          assert.equal(said.kind, 'decoded', said.kind === 'unreadable' ? said.reason : '');
        }
        for (const change of takeChangedEntities(state)) {
          const key = entityKey(change);
          assert.ok(key.isWellFormed() && !key.includes('\0') && Buffer.byteLength(key) <= 1_024, key);
          if (change.kind === 'removed_order') {
            restoring.take(key, null);
            continue;
          }
          const written = encodeAccountStateEntity(change);
          const entity = decodeAccountStateEntity(written);
          assert.ok(entity.kind === 'decoded', entity.kind === 'unreadable' ? entity.reason : '');
          if (!restoring.takeWritten(written)) restoring.take(key, entity.value);
        }
      }
      assertInvariants(state);
      assert.equal(stateHash(restoring.finish()), stateHash(state));
    }),
    { numRuns: 300 },
  );
});
