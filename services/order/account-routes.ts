/**
 * Accounts, on the operator's socket: open, list, deposit, withdraw. Each is a command to execution; the answer waits
 * for its outcome on the statement, which execution has committed.
 */
import { formatDecimal, type Money, parseMoney } from '#domain/data/decimal.ts';
import { type AccountId, type CommandId, parseAccountId } from '#domain/data/identifiers.ts';
import { formatTimestamp } from '#domain/data/timestamp.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { encodeTradingInput, MAX_NAME_LENGTH } from '#domain/data/trading-input-codec.ts';
import type { TradingInput } from '#domain/data/trading-inputs.ts';
import { derivedUuid } from '#infrastructure/common/derived-id.ts';
import { fieldsOf, RequestReader } from '#infrastructure/common/request-reader.ts';
import type { HttpRequest, HttpResult, Route, RouteTable } from '#infrastructure/core/http.ts';
import { problemResult } from '#infrastructure/core/problem.ts';
import type { PortfolioStore } from '#infrastructure/portfolios/portfolios.ts';
import type { AccountDirectory, StatementLine, StatementStore } from '#infrastructure/relational/stores.ts';
import type { IndexLag } from './index-lag.ts';
import {
  appendCommands,
  guarded,
  noSuchAccount,
  type OperatorCommandParts,
  pending,
  stampOf,
  until,
} from './operator-commands.ts';
import { readIdempotencyKey } from './order-request.ts';
import {
  AccountParams,
  AccountsQuery,
  AccountsResponse,
  IdempotencyHeaders,
  OpenAccountBody,
  OpenedResponse,
  TransferBody,
  TransferResponse,
} from './schemas.ts';

export interface AccountRouteParts extends OperatorCommandParts {
  readonly portfolios: Pick<PortfolioStore, 'get'>;
  readonly statements: Pick<StatementStore, 'findTransfer'>;
  readonly accounts: AccountDirectory;
  /** Of the statements, which say whether a key was used. */
  readonly statementLag: Pick<IndexLag, 'trouble'>;
}

type Request = HttpRequest<never, never, never>;

const ACCOUNTS_PER_PAGE = 100;
const MAX_ACCOUNTS_PER_PAGE = 1_000;

const shared = { access: 'operator', tag: 'accounts' } as const;
const transferShared = {
  ...shared,
  method: 'POST',
  schema: {
    params: AccountParams,
    headers: IdempotencyHeaders,
    body: TransferBody,
    response: { 200: TransferResponse },
  },
  problems: [400, 402, 404, 409, 500, 503],
} as const;

export const ACCOUNT_ROUTES = {
  open: {
    ...shared,
    method: 'POST',
    path: '/operator/accounts',
    summary: 'Open a trading account, with cash to begin with',
    schema: { headers: IdempotencyHeaders, body: OpenAccountBody, response: { 201: OpenedResponse } },
    problems: [400, 409, 500, 503],
  },
  list: {
    ...shared,
    method: 'GET',
    path: '/operator/accounts',
    summary: 'All trading accounts, by id',
    schema: { querystring: AccountsQuery, response: { 200: AccountsResponse } },
    problems: [400, 503],
  },
  deposit: {
    ...transferShared,
    path: '/operator/accounts/:accountId/deposits',
    summary: 'Put cash into an account',
  },
  withdraw: {
    ...transferShared,
    path: '/operator/accounts/:accountId/withdrawals',
    summary: 'Take free cash out of an account',
  },
} as const satisfies RouteTable;

export function accountRoutes(parts: AccountRouteParts): readonly Route[] {
  return [
    { ...ACCOUNT_ROUTES.open, handle: (request) => guarded(parts, () => openAccount(parts, request)) },
    { ...ACCOUNT_ROUTES.list, handle: (request) => guarded(parts, () => listAccounts(parts, request)) },
    {
      ...ACCOUNT_ROUTES.deposit,
      handle: (request) => guarded(parts, () => transfer(parts, 'Deposit', request)),
    },
    {
      ...ACCOUNT_ROUTES.withdraw,
      handle: (request) => guarded(parts, () => transfer(parts, 'Withdraw', request)),
    },
  ];
}

/** Under a key the ids follow from it, so a repeat is about the same account, and the core answers each of its commands once. */
async function openAccount(parts: AccountRouteParts, request: Request): Promise<HttpResult> {
  const reader = new RequestReader();
  const key = readIdempotencyKey(request.headers, reader);
  const body = fieldsOf(request.body) ?? {};
  reader.onlyKnown(body, new Set(['name', 'cash']));
  const name = reader.shownText(body, 'name', MAX_NAME_LENGTH);
  const cash = body['cash'] === '0' ? null : reader.optionalPositive<Money>(body, 'cash', parseMoney);
  if (reader.failed || name === null) return reader.problem();
  const { runtime, statements } = parts;
  const idOf = (what: string) => (key === null ? runtime.ids.uuid() : derivedUuid(what, key));
  const accountId = idOf('account') as AccountId;
  const openId = idOf('open') as CommandId;
  const depositId = idOf('opening-deposit') as CommandId;
  const untold = key === null ? null : keyUntold(parts);
  if (untold !== null) return untold;
  if (key === null || (await statements.findTransfer(accountId, openId)) === null) {
    const stamp = await stampOf(parts);
    const commands: TradingInput[] = [{ type: 'OpenAccount', commandId: openId, ...stamp, accountId, name }];
    if (cash !== null)
      commands.push({ type: 'Deposit', commandId: depositId, ...stamp, accountId, amount: cash });
    // In the directory first: an account that is listed and was not opened is a line too many, the other way round
    // an account with money would be on no list.
    await parts.accounts.put([{ accountId, name, createdAtMs: stamp.ingestTimeMs }]);
    const refused = await appendFor(parts, accountId, commands);
    if (refused !== null) return refused;
  }
  const opened = await until(parts, async () => {
    const opening = await statements.findTransfer(accountId, openId);
    const deposit = await statements.findTransfer(accountId, depositId);
    const last = cash === null ? opening : deposit;
    if (opening === null || last === null) return null;
    const portfolio = await parts.portfolios.get(accountId);
    if (portfolio === null || portfolio.version < last.sequence) return null;
    return { name: opening.note, deposited: deposit?.cashChange ?? null, cash: last.cashAfter };
  });
  if (opened === null) return pending({ accountId });
  if (opened.name !== name || opened.deposited !== cash) return keyReused('account');
  return {
    kind: 'json',
    status: 201,
    body: { accountId, userId: accountId, name, cash: formatDecimal(opened.cash) },
  };
}

async function listAccounts({ accounts }: AccountRouteParts, request: Request): Promise<HttpResult> {
  const reader = new RequestReader();
  const query = fieldsOf(request.query) ?? {};
  const limit = reader.optionalWhole(query, 'limit', 1, MAX_ACCOUNTS_PER_PAGE) ?? ACCOUNTS_PER_PAGE;
  const token = reader.optionalText(query, 'pageToken', 36);
  const after = token === null ? null : parseAccountId(token);
  if (token !== null && after === null)
    reader.refuse('pageToken', 'token', 'must be the token of the page before');
  if (reader.failed) return reader.problem();
  const page = await accounts.list(after, limit);
  return {
    kind: 'json',
    status: 200,
    body: {
      accounts: page.map(({ accountId, name, createdAtMs }) => ({
        accountId,
        name,
        createdAt: formatTimestamp(createdAtMs),
      })),
      pagination: { nextPageToken: page.length === limit ? (page.at(-1)?.accountId ?? null) : null },
    },
  };
}

async function transfer(
  parts: AccountRouteParts,
  type: 'Deposit' | 'Withdraw',
  request: Request,
): Promise<HttpResult> {
  const text = fieldsOf(request.params)?.['accountId'];
  const accountId = typeof text === 'string' ? parseAccountId(text) : null;
  if (accountId === null || (await parts.portfolios.get(accountId)) === null) return noSuchAccount();
  const reader = new RequestReader();
  const key = readIdempotencyKey(request.headers, reader);
  const body = fieldsOf(request.body) ?? {};
  reader.onlyKnown(body, new Set(['amount']));
  const amount = reader.positive<Money>(body, 'amount', parseMoney);
  if (reader.failed || amount === null) return reader.problem();
  // The core answers each command id once, so a repeat under a key waits for the outcome of the first.
  const commandId = (
    key === null ? parts.runtime.ids.uuid() : derivedUuid('transfer', accountId, key)
  ) as CommandId;
  const untold = key === null ? null : keyUntold(parts);
  if (untold !== null) return untold;
  const former = key === null ? null : await parts.statements.findTransfer(accountId, commandId);
  if (former === null) {
    const command: TradingInput = { type, commandId, ...(await stampOf(parts)), accountId, amount };
    const refused = await appendFor(parts, accountId, [command]);
    if (refused !== null) return refused;
  }
  const line = former ?? (await until(parts, () => parts.statements.findTransfer(accountId, commandId)));
  if (line === null) return pending({ accountId });
  return transferAnswer(line, type, amount);
}

function transferAnswer(line: StatementLine, type: 'Deposit' | 'Withdraw', amount: Money): HttpResult {
  const done = type === 'Deposit' ? 'DEPOSIT' : 'WITHDRAWAL';
  if (line.kind === `${done}_DENIED`) {
    const detail = line.note ?? 'Execution refused it.';
    return problemResult(type === 'Withdraw' ? 'INSUFFICIENT_FUNDS' : 'CONFLICT', detail, {
      extensions: { reference: line.reference, cash: formatDecimal(line.cashAfter) },
    });
  }
  const moved = type === 'Deposit' ? line.cashChange : ((0n - line.cashChange) as Money);
  if (line.kind !== done || moved !== amount) {
    return keyReused('transfer');
  }
  return {
    kind: 'json',
    status: 200,
    body: {
      accountId: line.accountId,
      reference: line.reference,
      kind: line.kind,
      amount: formatDecimal(amount),
      cash: formatDecimal(line.cashAfter),
    },
  };
}

/** `null` while the statements can tell which keys were used. */
function keyUntold({ statementLag }: AccountRouteParts): HttpResult | null {
  const trouble = statementLag.trouble();
  if (trouble === null) return null;
  const detail = `Whether the idempotency key was used before cannot be told: ${trouble}.`;
  return problemResult('DEPENDENCY_UNAVAILABLE', detail, { retryAfterSeconds: 1 });
}

function keyReused(what: string): HttpResult {
  return problemResult('IDEMPOTENCY_KEY_REUSED', `The idempotency key came before with another ${what}.`);
}

/** `null` when they are appended, in the account's partition. */
async function appendFor(
  parts: AccountRouteParts,
  accountId: AccountId,
  commands: readonly TradingInput[],
): Promise<HttpResult | null> {
  const records = commands.map((command) => ({
    topic: TOPIC.tradeOrders,
    key: accountId,
    value: encodeTradingInput(command, { sourceService: 'order' }),
  }));
  const appended = await appendCommands(parts, records, { accountId });
  return appended.kind === 'refused' ? appended.result : null;
}
