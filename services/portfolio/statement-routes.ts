/** The statement of an account: every entry of the books that concerns it, as JSON or CSV, paged by sequence. */
import { formatDecimal, formatScaled } from '#domain/data/decimal.ts';
import { type AccountId, parseAccountId } from '#domain/data/identifiers.ts';
import { formatTimestamp } from '#domain/data/timestamp.ts';
import { fieldsOf, RequestReader } from '#infrastructure/common/request-reader.ts';
import type { HttpRequest, HttpResult, Route, RouteTable } from '#infrastructure/core/http.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { problemResult } from '#infrastructure/core/problem.ts';
import type { StatementLine, StatementStore } from '#infrastructure/relational/stores.ts';
import { ownAccount } from './portfolio-routes.ts';
import {
  AccountParams,
  DEFAULT_STATEMENT_LINES,
  MAX_STATEMENT_LINES,
  OperatorAccountParams,
  StatementQuery,
  StatementResponse,
} from './schemas.ts';

const PAGE_TOKEN = /^s(0|[1-9][0-9]{0,14})$/;

interface StatementRequest {
  readonly fromMs: number | null;
  readonly toMs: number | null;
  readonly afterSequence: number | null;
  readonly limit: number;
  readonly format: 'JSON' | 'CSV';
}

const shared = { method: 'GET', tag: 'portfolio' } as const;
const response = { 200: StatementResponse };

export const STATEMENT_ROUTES = {
  own: {
    ...shared,
    path: '/v1/accounts/:userId/statement',
    access: 'api-key',
    summary: 'Every entry of the account, oldest first, as JSON or CSV',
    schema: { params: AccountParams, querystring: StatementQuery, response },
    problems: [400, 401, 403, 429, 503],
  },
  any: {
    ...shared,
    path: '/operator/accounts/:accountId/statement',
    access: 'operator',
    summary: 'The statement of any account',
    schema: { params: OperatorAccountParams, querystring: StatementQuery, response },
    problems: [400, 404, 503],
  },
} as const satisfies RouteTable;

export function statementRoutes(statements: StatementStore, logger: Logger): readonly Route[] {
  return [
    {
      ...STATEMENT_ROUTES.own,
      async handle(request) {
        const own = ownAccount(request);
        return own.kind === 'no' ? own.result : statement(own.accountId, request);
      },
    },
    {
      ...STATEMENT_ROUTES.any,
      async handle(request) {
        const text = fieldsOf(request.params)?.['accountId'];
        const accountId = typeof text === 'string' ? parseAccountId(text) : null;
        if (accountId === null)
          return problemResult('ACCOUNT_NOT_FOUND', 'An account id is a UUID in lower case.');
        const answer = await statement(accountId, request);
        // Its first line says that it was opened: without any there is no such account.
        if (answer.kind === 'problem' || (await statements.list({ accountId, limit: 1 })).length > 0)
          return answer;
        return problemResult('ACCOUNT_NOT_FOUND', 'There is no statement of this account.');
      },
    },
  ];

  async function statement(
    accountId: AccountId,
    request: HttpRequest<never, never, never>,
  ): Promise<HttpResult> {
    const reader = new RequestReader();
    const wanted = readRequest(reader, request.query);
    if (reader.failed) return reader.problem();
    const { fromMs, toMs, afterSequence, limit, format } = wanted;
    let lines: readonly StatementLine[];
    try {
      lines = await statements.list({
        accountId,
        limit,
        ...(fromMs === null ? {} : { fromMs }),
        ...(toMs === null ? {} : { toMs }),
        ...(afterSequence === null ? {} : { afterSequence }),
      });
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      logger.warn({ code: error.code, error: error.message }, 'a statement could not be read');
      return problemResult('DEPENDENCY_UNAVAILABLE', 'The statements cannot be read at the moment.', {
        retryAfterSeconds: 1,
      });
    }
    const last = lines.at(-1);
    const nextPageToken = last !== undefined && lines.length === limit ? `s${last.sequence}` : null;
    if (format === 'JSON') {
      return {
        kind: 'json',
        status: 200,
        body: { lines: lines.map(lineView), pagination: { nextPageToken } },
      };
    }
    return {
      kind: 'text',
      status: 200,
      contentType: 'text/csv; charset=utf-8',
      body: csv(lines),
      headers: {
        'content-disposition': 'attachment; filename="statement.csv"',
        ...(nextPageToken === null ? {} : { 'x-next-page-token': nextPageToken }),
      },
    };
  }
}

function readRequest(reader: RequestReader, query: unknown): StatementRequest {
  const fields = fieldsOf(query) ?? {};
  const fromMs = reader.optionalTimeMs(fields, 'from');
  const toMs = reader.optionalTimeMs(fields, 'to');
  if (fromMs !== null && toMs !== null && fromMs > toMs)
    reader.refuse('to', 'order', 'must not be before from');
  const token = reader.optionalText(fields, 'pageToken', 32);
  const match = token === null ? null : PAGE_TOKEN.exec(token);
  if (token !== null && match === null)
    reader.refuse('pageToken', 'token', 'must be the token of the page before');
  return {
    fromMs,
    toMs,
    afterSequence: match === null ? null : Number(match[1]),
    limit: reader.optionalWhole(fields, 'limit', 1, MAX_STATEMENT_LINES) ?? DEFAULT_STATEMENT_LINES,
    format: reader.optionalWord(fields, 'format', ['JSON', 'CSV']) ?? 'JSON',
  };
}

function lineView(line: StatementLine) {
  return {
    entryId: line.entryId,
    sequence: line.sequence,
    timestamp: formatTimestamp(line.atMs),
    kind: line.kind,
    reference: line.reference,
    symbol: line.symbol,
    cashChange: formatDecimal(line.cashChange),
    quantityChange: line.quantityChange === null ? null : formatScaled(line.quantityChange),
    price: line.price === null ? null : formatDecimal(line.price),
    cashAfter: formatDecimal(line.cashAfter),
    note: line.note,
  };
}

const COLUMNS = [
  'sequence',
  'timestamp',
  'kind',
  'reference',
  'symbol',
  'cashChange',
  'quantityChange',
  'price',
  'cashAfter',
  'note',
  'entryId',
] as const;

/** RFC 4180. A text that a spreadsheet would take for a formula is kept from being one. */
function csv(lines: readonly StatementLine[]): string {
  const rows = lines.map((line) => {
    const view = lineView(line);
    return COLUMNS.map((column) => csvField(column, view[column])).join(',');
  });
  return `${[COLUMNS.join(','), ...rows].join('\r\n')}\r\n`;
}

function csvField(column: (typeof COLUMNS)[number], value: string | number | null): string {
  if (value === null) return '';
  const text = String(value);
  const safe = (column === 'note' || column === 'reference') && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
