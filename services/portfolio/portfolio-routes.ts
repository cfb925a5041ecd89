/** The portfolio of an account, valued: for its own key, and for the operator. */
import { type AccountId, parseAccountId, type Symbol } from '#domain/data/identifiers.ts';
import type { PriceCache } from '#infrastructure/cache/cache.ts';
import { fieldsOf, RequestReader } from '#infrastructure/common/request-reader.ts';
import type { HttpRequest, HttpResult, Route, RouteTable } from '#infrastructure/core/http.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { problemResult } from '#infrastructure/core/problem.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { Portfolio, PortfolioStore } from '#infrastructure/portfolios/portfolios.ts';
import { AccountParams, OperatorAccountParams, PortfolioQuery, PortfolioResponse } from './schemas.ts';
import { type MarkPrice, portfolioView } from './valuation.ts';
import type { VersionWaiters } from './version-waiters.ts';

export interface PortfolioRouteParts {
  readonly store: Pick<PortfolioStore, 'get'>;
  readonly prices: Pick<PriceCache, 'get'>;
  readonly waiters: VersionWaiters;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly waitMs: number;
  readonly maxWaiters: number;
  /** Why accounts may be missing in the store, `null` while none are. */
  readonly trouble: () => string | null;
}

/** Another process may write the portfolio: then nobody here is woken, and the store is looked at this often. */
const LOOK_AGAIN_MS = 100;

/** The account in the path when the key may read it, else the answer. */
export function ownAccount(
  request: HttpRequest<never, never, never>,
):
  | { readonly kind: 'own'; readonly accountId: AccountId }
  | { readonly kind: 'no'; readonly result: HttpResult } {
  const params = fieldsOf(request.params) ?? {};
  const text = params['userId'];
  const accountId = typeof text === 'string' ? parseAccountId(text) : null;
  if (accountId === null) {
    const reader = new RequestReader();
    reader.refuse('userId', 'pattern', 'must be an account id (a UUID in lower case)');
    return { kind: 'no', result: reader.problem() };
  }
  const { principal } = request;
  if (principal === null) return { kind: 'no', result: problemResult('UNAUTHENTICATED', 'Send an API key.') };
  if (principal.kind === 'api-key' && principal.accountId !== accountId) {
    return { kind: 'no', result: problemResult('FORBIDDEN', 'This API key belongs to another account.') };
  }
  return { kind: 'own', accountId };
}

const shared = { method: 'GET', tag: 'portfolio' } as const;

export const PORTFOLIO_ROUTES = {
  own: {
    ...shared,
    path: '/v1/portfolio/:userId',
    access: 'api-key',
    summary: 'Cash, holdings and their value at the latest prices',
    schema: { params: AccountParams, querystring: PortfolioQuery, response: { 200: PortfolioResponse } },
    problems: [400, 401, 403, 404, 429, 503],
  },
  any: {
    ...shared,
    path: '/operator/accounts/:accountId/portfolio',
    access: 'operator',
    summary: 'The portfolio of any account',
    schema: {
      params: OperatorAccountParams,
      querystring: PortfolioQuery,
      response: { 200: PortfolioResponse },
    },
    problems: [400, 404, 503],
  },
} as const satisfies RouteTable;

export function portfolioRoutes(parts: PortfolioRouteParts): readonly Route[] {
  return [
    {
      ...PORTFOLIO_ROUTES.own,
      async handle(request) {
        const own = ownAccount(request);
        if (own.kind === 'no') return own.result;
        const reader = new RequestReader();
        const minVersion = reader.optionalWhole(
          fieldsOf(request.query) ?? {},
          'minVersion',
          0,
          999_999_999_999_999,
        );
        if (reader.failed) return reader.problem();
        return answer(parts, own.accountId, minVersion ?? 0);
      },
    },
    {
      ...PORTFOLIO_ROUTES.any,
      async handle(request) {
        const text = fieldsOf(request.params)?.['accountId'];
        const accountId = typeof text === 'string' ? parseAccountId(text) : null;
        if (accountId === null)
          return problemResult('ACCOUNT_NOT_FOUND', 'An account id is a UUID in lower case.');
        const reader = new RequestReader();
        const minVersion = reader.optionalWhole(
          fieldsOf(request.query) ?? {},
          'minVersion',
          0,
          999_999_999_999_999,
        );
        if (reader.failed) return reader.problem();
        return answer(parts, accountId, minVersion ?? 0);
      },
    },
  ];
}

async function answer(
  parts: PortfolioRouteParts,
  accountId: AccountId,
  minVersion: number,
): Promise<HttpResult> {
  let portfolio: Portfolio | null;
  try {
    const read =
      minVersion === 0
        ? ({ kind: 'read', portfolio: await parts.store.get(accountId) } as const)
        : await readFrom(parts, accountId, minVersion);
    if (read.kind === 'too-many') {
      return problemResult('OVERLOADED', `${parts.maxWaiters} reads wait for a version already.`, {
        retryAfterSeconds: 1,
      });
    }
    ({ portfolio } = read);
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    parts.logger.warn({ code: error.code, error: error.message }, 'a portfolio could not be read');
    return problemResult('PORTFOLIO_UNAVAILABLE', 'The portfolio store cannot be read at the moment.', {
      retryAfterSeconds: 1,
    });
  }
  if (portfolio === null) {
    if (parts.trouble() === null)
      return problemResult('ACCOUNT_NOT_FOUND', 'There is no portfolio of this account.');
    const detail =
      'There is no portfolio of this account, but portfolios are behind, or being filled in again.';
    return problemResult('PORTFOLIO_UNAVAILABLE', detail, { retryAfterSeconds: 1 });
  }
  if (portfolio.version < minVersion) {
    return problemResult(
      'NOT_READY',
      `The portfolio is at version ${portfolio.version}, not yet at ${minVersion}.`,
      {
        retryAfterSeconds: 1,
        extensions: { version: portfolio.version },
      },
    );
  }
  return { kind: 'json', status: 200, body: portfolioView(portfolio, await marksOf(parts, portfolio)) };
}

/** The first state at `minVersion` or later, or what there is when the time for waiting is over. */
async function readFrom(
  { store, waiters, runtime, waitMs, maxWaiters }: PortfolioRouteParts,
  accountId: AccountId,
  minVersion: number,
): Promise<{ readonly kind: 'read'; readonly portfolio: Portfolio | null } | { readonly kind: 'too-many' }> {
  const endMs = runtime.clock.monotonicMs() + waitMs;
  const isFull = waiters.count >= maxWaiters;
  // From before the first look on, so that nothing is written unseen. What is written here is handed over as it is.
  const waiter = waiters.wait(accountId, minVersion);
  const look = () => Promise.race([waiter.written, store.get(accountId)]);
  try {
    let portfolio = await look();
    while ((portfolio?.version ?? -1) < minVersion) {
      if (isFull) return { kind: 'too-many' };
      const remainingMs = endMs - runtime.clock.monotonicMs();
      if (remainingMs <= 0 || waiter.woken.aborted) break;
      await runtime.timers.sleep(Math.min(remainingMs, LOOK_AGAIN_MS), waiter.woken);
      portfolio = waiter.handed() ?? (await look());
    }
    return { kind: 'read', portfolio };
  } finally {
    waiter.stop();
  }
}

/** Without the price cache the positions are shown unpriced, and say so. */
async function marksOf(
  { prices, logger }: PortfolioRouteParts,
  portfolio: Portfolio,
): Promise<ReadonlyMap<Symbol, MarkPrice>> {
  const marks = new Map<Symbol, MarkPrice>();
  try {
    // Together: one after another each would wait its turn behind everything else that this process does.
    const symbols = [...portfolio.holdings.keys()];
    const found = await Promise.all(symbols.map((symbol) => prices.get(symbol)));
    found.forEach((price, at) => {
      const symbol = symbols[at];
      if (price !== null && symbol !== undefined) marks.set(symbol, price);
    });
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    logger.warn({ code: error.code, error: error.message }, 'prices could not be read for a valuation');
  }
  return marks;
}
