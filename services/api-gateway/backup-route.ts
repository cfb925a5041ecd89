/** A consistent copy of the data folder while it runs, on the operator's socket. */
import { Type } from 'typebox';
import type { Route } from '#infrastructure/core/http.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { problemResult } from '#infrastructure/core/problem.ts';
import type { ProcessView } from './process-view.ts';

export function backupRoute(view: ProcessView): Route {
  return {
    method: 'POST',
    path: '/operator/backup',
    access: 'operator',
    summary: 'Copies the data folder into an empty one',
    tag: 'operation',
    schema: {
      body: Type.Object(
        { target: Type.String({ minLength: 1, maxLength: 4_096 }) },
        { additionalProperties: false },
      ),
      response: { 200: Type.Object({ target: Type.String(), bytes: Type.Integer() }) },
    },
    problems: [409],
    async handle(request) {
      const { target } = request.body as { readonly target: string };
      try {
        return { kind: 'json', status: 200, body: { target, bytes: (await view.backUp(target)).bytes } };
      } catch (error) {
        if (error instanceof OperatingError) return problemResult('CONFLICT', error.message);
        throw error;
      }
    },
  };
}
