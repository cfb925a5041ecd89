/** The table itself: made by `tradehall prepare`, never by a start, which needs no right to make tables. */
import {
  CreateTableCommand,
  DescribeTableCommand,
  ResourceInUseException,
  ResourceNotFoundException,
  type TableDescription,
} from '@aws-sdk/client-dynamodb';
import type { StorePart } from '#infrastructure/common/store-losses.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { connectPortfolioTable, type DynamoDbOptions, type PortfolioTable } from './dynamodb-client.ts';

const LOOK_AGAIN_MS = 500;
/** Nobody waits for it but who has asked for the table, and a server that has just started is slow. */
const CALL_MS = 15_000;
const ACTIVE_WITHIN_MS = 120_000;

/** Makes the table, paid per request, where it is missing, and waits until it can be used. Answers whether it was made. */
export async function preparePortfolioTable(options: DynamoDbOptions): Promise<'made' | 'was there'> {
  const table = connectPortfolioTable({ timeoutMs: CALL_MS, ...options });
  const { clock, timers } = options.runtime;
  try {
    const found = await describe(table);
    if (found === null) await create(table);
    const untilMs = clock.monotonicMs() + ACTIVE_WITHIN_MS;
    for (let now = found ?? (await describe(table)); ; now = await describe(table)) {
      if (now?.TableStatus === 'ACTIVE') {
        requireOurs(table, now);
        return found === null ? 'made' : 'was there';
      }
      if (clock.monotonicMs() > untilMs) {
        throw new OperatingError(
          'STORE_UNAVAILABLE',
          `The portfolio table ${table.name} is still ${now?.TableStatus ?? 'missing'}: look at it in AWS, then try again.`,
          { retry: 'retry' },
        );
      }
      await timers.sleep(LOOK_AGAIN_MS);
    }
  } finally {
    table.client.destroy();
  }
}

/** Throws an `OperatingError` when the table is missing, not ready, or another's. */
export async function requirePortfolioTable(table: PortfolioTable): Promise<TableDescription> {
  const found = await table.calls.call(
    'portfolios.describe',
    (abortSignal) => table.client.send(new DescribeTableCommand({ TableName: table.name }), { abortSignal }),
    { repeatable: true },
  );
  requireOurs(table, found.Table);
  const status = found.Table?.TableStatus;
  if (status !== 'ACTIVE' && status !== 'UPDATING') {
    throw new OperatingError(
      'STORE_UNAVAILABLE',
      `The portfolio table ${table.name} is ${status ?? 'in no state'}: start again once it is ACTIVE.`,
      { retry: 'retry' },
    );
  }
  return found.Table ?? {};
}

/** The table as the one part that may be lost. Throws as `requirePortfolioTable` does. */
export async function tableAsPart(table: PortfolioTable): Promise<readonly StorePart[]> {
  const { TableId, CreationDateTime } = await requirePortfolioTable(table);
  // Not every emulator has ids.
  const id = TableId ?? String(CreationDateTime?.getTime());
  return [{ name: `table ${table.name}`, id, keptUntilMs: null }];
}

async function describe(table: PortfolioTable): Promise<TableDescription | null> {
  return table.calls.call(
    'portfolios.describe',
    async (abortSignal) => {
      try {
        const command = new DescribeTableCommand({ TableName: table.name });
        return (await table.client.send(command, { abortSignal })).Table ?? null;
      } catch (error) {
        if (error instanceof ResourceNotFoundException) return null;
        throw error;
      }
    },
    { repeatable: true },
  );
}

async function create(table: PortfolioTable): Promise<void> {
  await table.calls.call(
    'portfolios.create',
    async (abortSignal) => {
      try {
        await table.client.send(
          new CreateTableCommand({
            TableName: table.name,
            BillingMode: 'PAY_PER_REQUEST',
            AttributeDefinitions: [{ AttributeName: 'userId', AttributeType: 'S' }],
            KeySchema: [{ AttributeName: 'userId', KeyType: 'HASH' }],
          }),
          { abortSignal },
        );
      } catch (error) {
        // Another, or our own attempt before this one, has just made it.
        if (!(error instanceof ResourceInUseException)) throw error;
      }
    },
    { repeatable: true },
  );
}

function requireOurs(table: PortfolioTable, description: TableDescription | undefined): void {
  const keys = (description?.KeySchema ?? []).map(
    ({ AttributeName, KeyType }) => `${AttributeName} ${KeyType}`,
  );
  const kind = description?.AttributeDefinitions?.find(({ AttributeName }) => AttributeName === 'userId');
  if (keys.length === 1 && keys[0] === 'userId HASH' && kind?.AttributeType === 'S') return;
  throw new OperatingError(
    'STORE_VERSION',
    `The table ${table.name} has another key (${keys.join(', ')}) than userId, a text: name another table in the address.`,
    { retry: 'never' },
  );
}
