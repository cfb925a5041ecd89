/**
 * The entities of which a partition has the most, read from their bytes as account-state-writer.ts writes them
 * (record-scanner.ts), with ids as words instead of texts. What is not read here is for account-state-codec.ts.
 */
import type {
  AccountCommandEntity,
  AccountHeadEntity,
  Breaker,
  ClosedOrderEntity,
  ClosedOrderStatus,
  PositionEntity,
} from './account-state.ts';
import type { Money, Quantity } from './decimal.ts';
import type { CommandId } from './identifiers.ts';
import {
  beginScan,
  endScan,
  scanDecimal,
  scanHexadecimal,
  scanInteger,
  scanLiteral,
  scanSymbol,
  scanText,
  scanUuid,
  tryLiteral,
  UUID_WORDS,
} from './record-scanner.ts';
import { fieldName, literal } from './record-writer.ts';
import { MAX_TIMESTAMP_MS } from './timestamp.ts';

/** Ids and digests in what is scanned are words, which the next scan writes over. */
interface OfAccount {
  readonly accountId: Int32Array;
}
export interface ScannedAccount extends Omit<AccountHeadEntity, 'accountId'>, OfAccount {}
export interface ScannedPosition extends Omit<PositionEntity, 'accountId'>, OfAccount {}
export interface ScannedClosedOrder
  extends Omit<ClosedOrderEntity, 'accountId' | 'orderId' | 'bodyDigest'>,
    OfAccount {
  readonly orderId: Int32Array;
  /** A SHA-256. */
  readonly bodyDigest: Int32Array;
}
export type ScannedState = ScannedAccount | ScannedPosition | ScannedClosedOrder | AccountCommandEntity;

const ACCOUNT = literal('{"kind":"account","accountId":');
const POSITION = literal('{"kind":"position","accountId":');
const CLOSED_ORDER = literal('{"kind":"closed_order","closingNumber":');
const ACCOUNT_COMMAND = literal('{"kind":"account_command","commandNumber":');
const ACCOUNT_HASH = fieldName('accountHash');
const ACCOUNT_ID = fieldName('accountId');
const BODY_DIGEST = fieldName('bodyDigest');
const BOUGHT = fieldName('bought');
const BREAKER_OPEN = literal(',"breaker":{"state":"OPEN"}');
const BREAKER_QUIET = literal(',"breaker":{"state":"QUIET_PERIOD","untilMs":');
const BREAKER_TRIPPED = literal(',"breaker":{"state":"TRIPPED"}');
const CASH = fieldName('cash');
const CASH_RESERVED = fieldName('cashReserved');
const COMMAND_ID = fieldName('commandId');
const COST_BASIS = fieldName('costBasis');
const DAY_RESULT = fieldName('dayResult');
const FILLED_QUANTITY = fieldName('filledQuantity');
const FINGERPRINT = fieldName('fingerprint');
const KILL_SWITCH_OFF = literal(',"killSwitchEngaged":false');
const KILL_SWITCH_ON = literal(',"killSwitchEngaged":true');
const LIQUIDITY_SEQUENCE = literal(',"liquidityUsed":{"sequence":');
const NAME = fieldName('name');
const ORDER_ID = fieldName('orderId');
const QUANTITY = fieldName('quantity');
const REALISED_PROFIT = fieldName('realisedProfit');
const RESERVED = fieldName('reserved');
const RESULT_DAY = fieldName('resultDay');
const SEQUENCE = fieldName('sequence');
const SOLD = fieldName('sold');
const STATUS = fieldName('status');
const SYMBOL = fieldName('symbol');
const UPDATED_AT_MS = fieldName('updatedAtMs');
const END = literal('}');
const END_TWICE = literal('}}');
const CLOSED_STATUSES = (['FILLED', 'CANCELED', 'EXPIRED', 'REJECTED', 'DENIED'] as const).map(
  (status) => [status, literal(`"${status}"`)] as const,
);
/** Longer ones are read in the general way. */
const MAX_TEXT_LENGTH = 200;

const accountId = new Int32Array(UUID_WORDS);
const orderId = new Int32Array(UUID_WORDS);
const bodyDigest = new Int32Array(8);

/** `null` for an entity of another kind, or one that is written otherwise, unreadable ones among them. */
export function scanAccountState(bytes: Uint8Array): ScannedState | null {
  beginScan(bytes);
  if (tryLiteral(POSITION)) return scanPosition();
  if (tryLiteral(CLOSED_ORDER)) return scanClosedOrder();
  if (tryLiteral(ACCOUNT_COMMAND)) return scanAccountCommand();
  if (tryLiteral(ACCOUNT)) return scanAccount();
  return null;
}

function scanAccount(): ScannedAccount | null {
  scanUuid(accountId);
  scanLiteral(NAME);
  const name = scanText(MAX_TEXT_LENGTH);
  scanLiteral(CASH);
  const cash = scanDecimal('unsigned') as Money;
  scanLiteral(CASH_RESERVED);
  const cashReserved = scanDecimal('unsigned') as Money;
  scanLiteral(SEQUENCE);
  const sequence = scanInteger();
  const killSwitchEngaged = tryLiteral(KILL_SWITCH_ON);
  if (!killSwitchEngaged) scanLiteral(KILL_SWITCH_OFF);
  const breaker = scanBreaker();
  scanLiteral(DAY_RESULT);
  const dayResult = scanDecimal('signed') as Money;
  scanLiteral(RESULT_DAY);
  const resultDay = scanInteger();
  scanLiteral(ACCOUNT_HASH);
  const accountHash = scanText(MAX_TEXT_LENGTH);
  scanLiteral(UPDATED_AT_MS);
  const updatedAtMs = scanInteger();
  scanLiteral(END);
  if (!endScan() || accountHash === '' || updatedAtMs > MAX_TIMESTAMP_MS) return null;
  if (breaker.state === 'QUIET_PERIOD' && (breaker.untilMs < 1 || breaker.untilMs > MAX_TIMESTAMP_MS))
    return null;
  return {
    kind: 'account',
    accountId,
    name,
    cash,
    cashReserved,
    sequence,
    killSwitchEngaged,
    breaker,
    dayResult,
    resultDay,
    accountHash,
    updatedAtMs,
  };
}

function scanBreaker(): Breaker {
  if (tryLiteral(BREAKER_OPEN)) return { state: 'OPEN' };
  if (tryLiteral(BREAKER_TRIPPED)) return { state: 'TRIPPED' };
  scanLiteral(BREAKER_QUIET);
  const untilMs = scanInteger();
  scanLiteral(END);
  return { state: 'QUIET_PERIOD', untilMs };
}

function scanPosition(): ScannedPosition | null {
  scanUuid(accountId);
  scanLiteral(SYMBOL);
  const symbol = scanSymbol();
  scanLiteral(QUANTITY);
  const quantity = scanDecimal('unsigned') as Quantity;
  scanLiteral(RESERVED);
  const reserved = scanDecimal('unsigned') as Quantity;
  scanLiteral(COST_BASIS);
  const costBasis = scanDecimal('unsigned') as Money;
  scanLiteral(REALISED_PROFIT);
  const realisedProfit = scanDecimal('signed') as Money;
  scanLiteral(LIQUIDITY_SEQUENCE);
  const sequence = scanInteger();
  scanLiteral(BOUGHT);
  const bought = scanDecimal('unsigned') as Quantity;
  scanLiteral(SOLD);
  const sold = scanDecimal('unsigned') as Quantity;
  scanLiteral(END_TWICE);
  if (!endScan()) return null;
  const liquidityUsed = { sequence, bought, sold };
  return {
    kind: 'position',
    accountId,
    symbol,
    quantity,
    reserved,
    costBasis,
    realisedProfit,
    liquidityUsed,
  };
}

function scanClosedOrder(): ScannedClosedOrder | null {
  const closingNumber = scanInteger();
  scanLiteral(ACCOUNT_ID);
  scanUuid(accountId);
  scanLiteral(ORDER_ID);
  scanUuid(orderId);
  scanLiteral(BODY_DIGEST);
  scanHexadecimal(bodyDigest);
  scanLiteral(STATUS);
  const status = scanStatus();
  scanLiteral(FILLED_QUANTITY);
  const filledQuantity = scanDecimal('unsigned') as Quantity;
  scanLiteral(END);
  if (!endScan() || status === null) return null;
  return { kind: 'closed_order', closingNumber, accountId, orderId, bodyDigest, status, filledQuantity };
}

function scanStatus(): ClosedOrderStatus | null {
  for (const [status, written] of CLOSED_STATUSES) if (tryLiteral(written)) return status;
  return null;
}

function scanAccountCommand(): AccountCommandEntity | null {
  const commandNumber = scanInteger();
  scanLiteral(COMMAND_ID);
  const commandId = scanText(MAX_TEXT_LENGTH) as CommandId;
  scanLiteral(FINGERPRINT);
  const fingerprint = scanText(MAX_TEXT_LENGTH);
  scanLiteral(END);
  if (!endScan() || commandId === '' || fingerprint === '') return null;
  return { kind: 'account_command', commandNumber, commandId, fingerprint };
}
