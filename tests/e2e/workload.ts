/**
 * What fifty clients do in a day: orders that succeed, rest, are cancelled, lack funds, lack shares, are malformed, or
 * repeat an idempotency key. Seeded, so that a failing day can be had again.
 */
import assert from 'node:assert/strict';
import { type Answer, type Api, member, textMember } from './api.ts';

export interface Account {
  readonly accountId: string;
  /** `keyId.secret`. */
  readonly credential: string;
  readonly cash: string;
}

export interface Accepted {
  readonly orderId: string;
  readonly account: Account;
}

/** What happened so far, over all lives of the program. */
export interface Diary {
  /** By order id: a repeat of a key is the same order. */
  readonly accepted: Map<string, Accepted>;
  readonly statuses: Map<string, number>;
  /** Orders sent, malformed and refused ones included. */
  sent: number;
}

export type Kind =
  | 'buy'
  | 'sell'
  | 'buy-fraction'
  | 'buy-notional'
  | 'rest'
  | 'rest-and-cancel'
  | 'lack-funds'
  | 'lack-shares'
  | 'malformed'
  | 'repeat-same'
  | 'repeat-other';

const MIX: readonly (readonly [kind: Kind, weight: number])[] = [
  ['buy', 30],
  ['sell', 14],
  ['buy-fraction', 8],
  ['buy-notional', 8],
  ['rest', 6],
  ['rest-and-cancel', 8],
  ['lack-funds', 6],
  ['lack-shares', 5],
  ['malformed', 6],
  ['repeat-same', 5],
  ['repeat-other', 4],
];

/** In both files, and liquid enough to have a fresh price at any time of the recorded days. */
export const SYMBOLS = ['AAPL', 'JPM', 'MSFT', 'SPY', 'V'] as const;
/** Never bought, so that selling it must lack shares. */
const NEVER_HELD = 'AMZN';

const ALLOWED: Readonly<Record<Kind, readonly number[]>> = {
  buy: [202, 402],
  sell: [202, 422],
  'buy-fraction': [202, 402],
  'buy-notional': [202, 402],
  rest: [202, 402],
  'rest-and-cancel': [202, 402],
  'lack-funds': [402],
  'lack-shares': [422],
  malformed: [400],
  'repeat-same': [202, 402],
  'repeat-other': [409, 402],
};

const MALFORMED: readonly {
  readonly body?: unknown;
  readonly raw?: string;
  readonly field: string | null;
}[] = [
  { body: { side: 'BUY', quantity: '1' }, field: 'symbol' },
  { body: { symbol: 'AAPL', quantity: '1' }, field: 'side' },
  { body: { symbol: 'AAPL', side: 'HOLD', quantity: '1' }, field: 'side' },
  { body: { symbol: 'AAPL', side: 'BUY', quantity: '0' }, field: 'quantity' },
  { body: { symbol: 'AAPL', side: 'BUY', quantity: '-1' }, field: 'quantity' },
  { body: { symbol: 'AAPL', side: 'BUY', quantity: '1.0000000001' }, field: 'quantity' },
  { body: { symbol: 'AAPL', side: 'BUY', quantity: '1e3' }, field: 'quantity' },
  { body: { symbol: 'AAPL', side: 'BUY', quantity: '1', type: 'LIMIT' }, field: 'limitPrice' },
  { body: { symbol: 'AAPL', side: 'BUY', quantity: '1', timeInForce: 'SOMETIME' }, field: 'timeInForce' },
  { body: { symbol: 'AAPL', side: 'BUY', quantity: '1', surprise: true }, field: 'surprise' },
  { raw: '{"symbol":"AAPL","side":', field: null },
  { raw: '[]', field: null },
];

/** The statuses after which nothing happens to an order. */
export const TERMINAL: ReadonlySet<string> = new Set([
  'FILLED',
  'CANCELED',
  'EXPIRED',
  'REPLACED',
  'REJECTED',
  'DENIED',
]);

/** A seeded generator of numbers in [0, 1) (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export interface Intent {
  readonly kind: Kind;
  readonly account: Account;
  /** Unique for the whole day. */
  readonly key: string;
  readonly body: unknown;
  readonly raw: string | undefined;
  /** The field that a malformed body must be told about. */
  readonly field: string | null;
}

export function planDay(accounts: readonly Account[], orders: number, seed: number): readonly Intent[] {
  const random = seeded(seed);
  const total = MIX.reduce((sum, [, weight]) => sum + weight, 0);
  const pick = <Item>(items: readonly Item[]): Item => {
    const item = items[Math.floor(random() * items.length)];
    assert.ok(item !== undefined);
    return item;
  };
  const pickKind = (): Kind => {
    let left = random() * total;
    for (const [kind, weight] of MIX) {
      left -= weight;
      if (left < 0) return kind;
    }
    return 'buy';
  };
  return Array.from({ length: orders }, (_unused, index): Intent => {
    const kind = pickKind();
    const bad = kind === 'malformed' ? pick(MALFORMED) : undefined;
    return {
      kind,
      account: pick(accounts),
      key: `day-${seed}-${index}`,
      body: bad === undefined ? bodyOf(kind, pick(SYMBOLS), random) : bad.body,
      raw: bad?.raw,
      field: bad?.field ?? null,
    };
  });
}

function bodyOf(kind: Kind, symbol: string, random: () => number): unknown {
  const shares = String(1 + Math.floor(random() * 5));
  switch (kind) {
    case 'sell':
      return { symbol, side: 'SELL', quantity: shares };
    case 'buy-fraction':
      return { symbol, side: 'buy', quantity: `0.${1 + Math.floor(random() * 999_999_999)}` };
    case 'buy-notional':
      return {
        symbol,
        side: 'BUY',
        notional: `${50 + Math.floor(random() * 400)}.${10 + Math.floor(random() * 89)}`,
      };
    case 'rest':
    case 'rest-and-cancel':
      return {
        symbol,
        side: 'BUY',
        quantity: '1',
        type: 'LIMIT',
        limitPrice: '1.25',
        timeInForce: random() < 0.5 ? 'GTC' : 'DAY',
      };
    case 'lack-funds':
      // More than the richest account has, and less than an order may be worth.
      return { symbol: 'AAPL', side: 'BUY', quantity: '30000' };
    case 'lack-shares':
      return { symbol: NEVER_HELD, side: 'SELL', quantity: '1' };
    default:
      return { symbol, side: 'BUY', quantity: shares, clientOrderId: `client-${Math.floor(random() * 1e9)}` };
  }
}

/** A connection that broke, or an answer that says "retry with the same key": the outcome is not known. */
const UNKNOWN = 'unknown';

async function place(api: Api, intent: Intent, body: unknown): Promise<Answer | typeof UNKNOWN> {
  const options = {
    credential: intent.account.credential,
    idempotencyKey: intent.key,
    ...(intent.raw === undefined ? { body } : { rawBody: intent.raw }),
  };
  try {
    const answer = await api.request('POST', '/v1/orders', options);
    return answer.status >= 500 || answer.status === 429 ? UNKNOWN : answer;
  } catch {
    return UNKNOWN; // The program was killed under this request; the caller asks again under the same key.
  }
}

/** Carries an intent out; `false` when its outcome is not known and it has to be tried again, key and all. */
export async function carryOut(api: Api, intent: Intent, diary: Diary): Promise<boolean> {
  diary.sent += 1;
  const answer = await place(api, intent, intent.body);
  if (answer === UNKNOWN) return false;
  note(diary, intent, answer);
  if (answer.status !== 202) return true;
  const orderId = textMember(answer.body, 'orderId');
  switch (intent.kind) {
    case 'repeat-same': {
      const again = await place(api, intent, intent.body);
      if (again === UNKNOWN) return false;
      assert.equal(again.status, 202);
      assert.equal(textMember(again.body, 'orderId'), orderId, 'a repeated key answers with the first order');
      return true;
    }
    case 'repeat-other': {
      const other = await place(api, intent, { ...(intent.body as object), quantity: '7' });
      if (other === UNKNOWN) return false;
      assert.equal(other.status, 409, JSON.stringify(other.body));
      assert.equal(textMember(other.body, 'code'), 'IDEMPOTENCY_KEY_REUSED');
      return true;
    }
    case 'rest-and-cancel':
      return (await cancel(api, intent.account, orderId)) !== UNKNOWN;
    default:
      return true;
  }
}

export async function cancel(
  api: Api,
  account: Account,
  orderId: string,
): Promise<'asked' | 'ended' | typeof UNKNOWN> {
  try {
    const { status, body } = await api.request('DELETE', `/v1/orders/${orderId}`, {
      credential: account.credential,
    });
    if (status >= 500 || status === 429) return UNKNOWN;
    assert.ok(status === 202 || status === 409, `a cancel answered ${status}: ${JSON.stringify(body)}`);
    return status === 202 ? 'asked' : 'ended';
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    return UNKNOWN;
  }
}

function note(diary: Diary, intent: Intent, answer: Answer): void {
  const seen = `${intent.kind} ${answer.status}`;
  diary.statuses.set(seen, (diary.statuses.get(seen) ?? 0) + 1);
  const allowed = intent.kind === 'repeat-other' ? [202, ...ALLOWED[intent.kind]] : ALLOWED[intent.kind];
  assert.ok(
    allowed.includes(answer.status),
    `${intent.kind} ${JSON.stringify(intent.body ?? intent.raw)} answered ${answer.status}: ${JSON.stringify(answer.body)}`,
  );
  if (answer.status === 202) {
    const orderId = textMember(answer.body, 'orderId');
    assert.equal(textMember(answer.body, 'status'), 'ACCEPTED');
    diary.accepted.set(orderId, { orderId, account: intent.account });
    return;
  }
  assert.equal(typeof textMember(answer.body, 'code'), 'string');
  if (intent.field !== null) {
    const fields = (member(answer.body, 'errors') as readonly unknown[]).map((error) =>
      textMember(error, 'field'),
    );
    assert.ok(
      fields.includes(intent.field),
      `expected an error on ${intent.field}, got ${JSON.stringify(answer.body)}`,
    );
  }
}

/** Runs `intents` with so many at a time; returns those whose outcome is not known. */
export async function carryOutAll(
  api: Api,
  intents: readonly Intent[],
  diary: Diary,
  atOnce: number,
): Promise<readonly Intent[]> {
  const waiting = [...intents].reverse();
  const unknown: Intent[] = [];
  const worker = async (): Promise<void> => {
    for (let intent = waiting.pop(); intent !== undefined; intent = waiting.pop()) {
      if (!(await carryOut(api, intent, diary))) unknown.push(intent);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return unknown;
}
