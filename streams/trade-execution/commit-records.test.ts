/** What a commit writes comes back from its bytes as it went in, so that it may be remembered with them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeAccountStateEntity } from '#domain/data/account-state-codec.ts';
import type { Decoded } from '#domain/data/decoded.ts';
import { asRecorded, asRecordedEntry, type TradingOutput } from '#domain/data/trading-events.ts';
import {
  decodeLedgerEntry,
  decodeOrderUpdate,
  decodeTradeExecuted,
  decodeVenueCommand,
} from '#domain/data/trading-output-codec.ts';
import { applyInput, createPartition, takeChangedEntities } from '#domain/trading/engine.ts';
import { createTraffic } from '#domain/trading/fixtures/traffic.testing.ts';
import { entityRecord, outputRecord } from './commit-records.ts';

const DECODERS: Readonly<Record<TradingOutput['type'], (bytes: Uint8Array) => Decoded<TradingOutput>>> = {
  OrderUpdate: decodeOrderUpdate,
  TradeExecuted: decodeTradeExecuted,
  LedgerEntry: decodeLedgerEntry,
  VenueCommand: decodeVenueCommand,
};

test('outputs and states of busy traffic come back from their records as they were', () => {
  const state = createPartition(0);
  const traffic = createTraffic(8);
  const seen = new Map<string, number>();
  const count = (kind: string) => seen.set(kind, (seen.get(kind) ?? 0) + 1);
  for (const input of [...traffic.opening(), ...traffic.next(2_000)]) {
    for (const output of applyInput(state, input)) {
      const { value } = outputRecord(output, 0);
      const recorded = output.type === 'LedgerEntry' ? asRecordedEntry(output) : asRecorded(output);
      assert(value !== null);
      assert.deepEqual(DECODERS[output.type](value), { kind: 'decoded', value: recorded });
      count(output.type);
    }
    for (const change of takeChangedEntities(state)) {
      const { value } = entityRecord(change, 0);
      if (value === null) continue;
      assert.deepEqual(decodeAccountStateEntity(value), { kind: 'decoded', value: change });
      count(change.kind);
    }
  }
  for (const kind of ['OrderUpdate', 'TradeExecuted', 'LedgerEntry', 'account', 'position']) {
    assert((seen.get(kind) ?? 0) > 100, `the traffic leads to too few of ${kind}`);
  }
});
