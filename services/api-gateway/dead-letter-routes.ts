/** Dead letters, on the operator's socket: list, show, retry, drop. The log's own module decides; this words it. */
import { Type } from 'typebox';
import { RequestReader } from '#infrastructure/common/request-reader.ts';
import type { HttpResult, Route } from '#infrastructure/core/http.ts';
import { problemResult } from '#infrastructure/core/problem.ts';
import {
  type DeadLetter,
  findDeadLetter,
  openDeadLetters,
  resolveDeadLetter,
  topicsWithDeadLetters,
} from '#infrastructure/event-log/dead-letters.ts';
import type { EventLog } from '#infrastructure/event-log/event-log.ts';

const LIST_MAX = 1_000;
/** Of the original bytes of each letter in a list; `letter` gives them all. */
const LIST_ORIGINAL_BYTES_MAX = 2_048;
/** Ids hold slashes and at signs, so they travel as a query parameter, never as a part of the path. */
const LetterQuery = Type.Object({ id: Type.String({ minLength: 1, maxLength: 300 }) });
const Letter = Type.Object({}, { additionalProperties: true });

function viewOf(letter: DeadLetter, originalBytesMax?: number): Record<string, unknown> {
  const { original, atMs, ...rest } = letter;
  const shown = original?.subarray(0, originalBytesMax) ?? null;
  return { ...rest, at: new Date(atMs).toISOString(), original: textOf(shown) };
}

/** Text where the bytes are UTF-8, base64 otherwise. */
function textOf(bytes: Uint8Array | null): { readonly encoding: string; readonly content: string } | null {
  if (bytes === null) return null;
  const buffer = Buffer.from(bytes);
  const text = buffer.toString('utf8');
  return Buffer.from(text, 'utf8').equals(buffer)
    ? { encoding: 'utf8', content: text }
    : { encoding: 'base64', content: buffer.toString('base64') };
}

export function deadLetterRoutes(log: EventLog): readonly Route[] {
  const shared = { access: 'operator', tag: 'dead letters' } as const;

  function missing(id: string): HttpResult {
    return problemResult(
      'NOT_FOUND',
      `There is no dead letter ${id}: \`tradehall dead-letters list\` shows the open ones.`,
    );
  }

  function resolving(action: 'retry' | 'drop'): Route {
    return {
      ...shared,
      method: 'POST',
      path: `/operator/dead-letters/${action}`,
      summary:
        action === 'retry'
          ? 'Appends the original bytes to their topic again'
          : 'Marks a letter as done with',
      schema: {
        querystring: LetterQuery,
        response: { 200: Type.Object({ id: Type.String(), resolution: Type.String() }) },
      },
      problems: [404, 409],
      async handle(request) {
        const { id } = request.query as { readonly id: string };
        const outcome = await resolveDeadLetter(log, id, action);
        switch (outcome.kind) {
          case 'resolved':
            return {
              kind: 'json',
              status: 200,
              body: { id, resolution: action === 'retry' ? 'retried' : 'dropped' },
            };
          case 'unknown-letter':
            return missing(id);
          case 'already-resolved':
            return problemResult('CONFLICT', `The dead letter ${id} has been retried or dropped before.`);
          case 'not-retryable':
            return problemResult('CONFLICT', `The dead letter ${id} cannot be retried: ${outcome.reason}.`);
          case 'overtaken':
            return problemResult(
              'CONFLICT',
              'Another command resolves a dead letter at this moment: try again.',
            );
        }
      },
    };
  }

  return [
    {
      ...shared,
      method: 'GET',
      path: '/operator/dead-letters',
      summary: 'The open dead letters, oldest first',
      schema: {
        querystring: Type.Object({
          topic: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
          after: Type.Optional(LetterQuery.properties.id),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: LIST_MAX })),
        }),
        response: { 200: Type.Object({ letters: Type.Array(Letter) }) },
      },
      problems: [400],
      async handle(request) {
        const query = request.query as {
          readonly topic?: string;
          readonly after?: string;
          readonly limit?: number;
        };
        // Else there would be no letters, of a name that was misspelt.
        const reader = new RequestReader();
        const topics = await topicsWithDeadLetters(log);
        if (query.topic !== undefined && !topics.includes(query.topic))
          reader.refuse('topic', 'enum', `must be one of ${topics.join(', ')}`);
        if (query.after !== undefined && (await findDeadLetter(log, query.after)) === null)
          reader.refuse('after', 'unknown', 'must be the id of a dead letter');
        if (reader.failed) return reader.problem();
        const letters = await openDeadLetters(log, { limit: 100, ...query });
        const views = letters.map((letter) => viewOf(letter, LIST_ORIGINAL_BYTES_MAX));
        return { kind: 'json', status: 200, body: { letters: views } };
      },
    },
    {
      ...shared,
      method: 'GET',
      path: '/operator/dead-letters/letter',
      summary: 'One dead letter with its original bytes',
      schema: { querystring: LetterQuery, response: { 200: Letter } },
      problems: [404],
      async handle(request) {
        const { id } = request.query as { readonly id: string };
        const letter = await findDeadLetter(log, id);
        return letter === null ? missing(id) : { kind: 'json', status: 200, body: viewOf(letter) };
      },
    },
    resolving('retry'),
    resolving('drop'),
  ];
}
