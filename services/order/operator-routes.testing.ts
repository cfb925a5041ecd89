/** Operator routes called without a server. */
import assert from 'node:assert/strict';
import type { HttpRequest, HttpResult, Route } from '#infrastructure/core/http.ts';

/** Of the routes, all of one path, the one with this method. */
export async function callRoute(
  routes: readonly Route[],
  method: string,
  body?: unknown,
): Promise<HttpResult> {
  const route = routes.find((each) => each.method === method);
  assert.ok(route !== undefined);
  const request: HttpRequest = {
    params: {},
    query: {},
    body,
    headers: {},
    principal: null,
    requestId: 'r',
    target: route.path,
    traceparent: undefined,
    isAbandoned: () => false,
  };
  return route.handle(request as HttpRequest<never, never, never>);
}
