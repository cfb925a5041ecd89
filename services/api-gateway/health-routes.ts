/** Alive, ready, and the figures: what an orchestrator and Prometheus ask. */
import { Type } from 'typebox';
import type { Route } from '#infrastructure/core/http.ts';
import type { ProcessView } from './process-view.ts';
import { INSTANCE_HEADER } from './proxy/caller-signature.ts';

export function healthRoutes(view: ProcessView): readonly Route[] {
  const shared = { method: 'GET', access: 'public', tag: 'operation', problems: [] } as const;
  return [
    {
      ...shared,
      path: '/healthz',
      summary: 'Whether the process is alive',
      schema: { response: { 200: Type.Object({ status: Type.Literal('alive') }) } },
      handle: async () => ({ kind: 'json', status: 200, body: { status: 'alive' } }),
    },
    {
      ...shared,
      path: '/readyz',
      summary: 'Whether every service is ready, and if not, why',
      schema: {
        response: {
          200: Type.Object({ ready: Type.Literal(true), reasons: Type.Array(Type.String()) }),
          503: Type.Object({ ready: Type.Literal(false), reasons: Type.Array(Type.String()) }),
        },
      },
      async handle() {
        const state = view.readiness();
        const headers = { [INSTANCE_HEADER]: view.instanceId };
        return state.ready
          ? { kind: 'json', status: 200, headers, body: { ready: true, reasons: [] } }
          : { kind: 'json', status: 503, headers, body: { ready: false, reasons: state.reasons } };
      },
    },
    {
      ...shared,
      path: '/metrics',
      summary: 'Figures in the Prometheus text format',
      schema: { response: { 200: Type.String() } },
      async handle() {
        const { contentType, text } = await view.exposeMetrics();
        return { kind: 'text', status: 200, contentType, body: text };
      },
    },
  ];
}
