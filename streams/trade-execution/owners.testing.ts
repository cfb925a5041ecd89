/** What tests of owners on the embedded log share: accounts, a log in a folder of its own, waiting, and a replay. */
import assert from 'node:assert/strict';
import type { Money } from '#domain/data/decimal.ts';
import type { AccountId, CommandId } from '#domain/data/identifiers.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { encodeTradingInput } from '#domain/data/trading-input-codec.ts';
import type { TradingInput } from '#domain/data/trading-inputs.ts';
import { derivedUuid } from '#infrastructure/common/derived-id.ts';
import { feesOf, limitsOf } from '#infrastructure/common/trading-options.ts';
import type { EventLog } from '#infrastructure/event-log/event-log.ts';
import { configured, openTestLog, temporaryDirectory, testContext } from '#tests/in-process/platform.ts';
import { tradeExecutionOptions } from './config.ts';
import { Owners, type OwnersOptions } from './owners.ts';
import { replay, replaySource } from './replay.ts';
import { restore } from './restore.ts';

export const CONFIG = configured(tradeExecutionOptions, { fee_rate: '0.001' });
export const ACCOUNTS = Array.from({ length: 6 }, (_, at) => derivedUuid('account', String(at)) as AccountId);
export const TIME = { timeMs: 1_550_000_000_000, ingestTimeMs: 0 };

export function commandId(name: string): CommandId {
  return derivedUuid('command', name) as CommandId;
}

export function opening(accountId: AccountId): readonly TradingInput[] {
  const amount = 1_000_000_000_000n as Money;
  return [
    { type: 'OpenAccount', commandId: commandId(`open ${accountId}`), ...TIME, accountId, name: 'A' },
    { type: 'Deposit', commandId: commandId(`deposit ${accountId}`), ...TIME, accountId, amount },
  ];
}

export async function append(log: EventLog, inputs: readonly TradingInput[]): Promise<void> {
  await log.append(
    inputs.map((input) => ({
      topic: TOPIC.tradeOrders,
      key: 'accountId' in input ? input.accountId : null,
      value: encodeTradingInput(input, { sourceService: 'test' }),
    })),
  );
}

export const NO_MIRROR: OwnersOptions['mirror'] = { note() {}, forget() {} };

export function ownersOn(log: EventLog, context = testContext(), maxBatch = 8, mirror = NO_MIRROR) {
  const wanted = { fees: feesOf(CONFIG), limits: limitsOf(CONFIG) };
  return new Owners({
    context,
    log,
    wanted,
    mirror,
    maxBatch,
    lingerMs: 0,
  });
}

export async function executedAll(log: EventLog): Promise<boolean> {
  const done = new Map(
    (await log.committedPositions('trade-execution')).map((each) => [each.partition, each.offset]),
  );
  const extents = await log.extents(TOPIC.tradeOrders);
  return extents.every(({ partition, nextOffset }) => (done.get(partition) ?? 0) === nextOffset);
}

export async function waitUntil(
  look: () => Promise<boolean>,
  context: ReturnType<typeof testContext>,
): Promise<void> {
  while (!(await look())) {
    assert.deepEqual(context.crashes, []);
    await context.runtime.timers.sleep(2);
  }
}

export async function assertReplaysTheSame(log: EventLog): Promise<number> {
  let outputs = 0;
  for (const { partition, nextOffset } of await log.extents(TOPIC.tradeOrders)) {
    const outcome = await replay(replaySource(log, partition));
    assert(outcome.kind === 'same', outcome.kind === 'different' ? outcome.message : '');
    assert.equal(outcome.nextInputOffset, nextOffset);
    const restored = await restore(log, partition);
    assert.equal(restored.inputsApplied, outcome.inputsApplied);
    outputs += outcome.outputsCompared;
  }
  return outputs;
}

export async function withLog(run: (log: EventLog, directory: string) => Promise<void>): Promise<void> {
  const directory = temporaryDirectory();
  const log = await openTestLog(directory.path);
  try {
    await run(log, directory.path);
  } finally {
    await log.close();
    directory.dispose();
  }
}
