/**
 * What a join answers: `{snapshot, sequence, resumed}`.
 *
 * `sequence` is that after which updates follow. Resumed: everything after `resumeAfter` follows in order, and there
 * is no snapshot. Not resumed: the snapshot is the latest state, and what lay before it is not sent.
 */
import type { FieldError } from '#infrastructure/core/http.ts';
import { type PhoenixVersion, parseFrame } from './phoenix-frames.ts';

export interface JoinAnswer {
  /** JSON. */
  readonly response: string;
  readonly sequence: number;
  /** Frames that follow the answer. */
  readonly missed: readonly string[];
}

export type JoinPayload =
  | { readonly kind: 'join'; readonly resumeAfter: number | null }
  | { readonly kind: 'refused'; readonly errors: readonly FieldError[] };

export function readJoinPayload(payload: Readonly<Record<string, unknown>>): JoinPayload {
  const resumeAfter = payload['resumeAfter'];
  if (resumeAfter === undefined || resumeAfter === null) return { kind: 'join', resumeAfter: null };
  if (typeof resumeAfter === 'number' && Number.isSafeInteger(resumeAfter) && resumeAfter >= 0) {
    return { kind: 'join', resumeAfter };
  }
  const message = 'must be a whole number from 0: the sequence of the last update that was seen';
  return { kind: 'refused', errors: [{ field: 'payload.resumeAfter', rule: 'minimum', message }] };
}

/** The `authToken` in the payload of a join: how a client without other credentials says who it is, first of all. */
export function tokenOfJoin(text: string, version: PhoenixVersion | null): string | null {
  if (version === null) return null;
  const parsed = parseFrame(text, version);
  if (parsed.kind !== 'frame' || parsed.frame.event !== 'phx_join') return null;
  const token = parsed.frame.payload['authToken'];
  return typeof token === 'string' ? token : null;
}

export function resumed(sequence: number, missed: readonly string[]): JoinAnswer {
  return { response: `{"snapshot":null,"sequence":${sequence},"resumed":true}`, sequence, missed };
}

/** `snapshot` is JSON; `null` while there is none. */
export function fresh(snapshot: string | null, sequence: number): JoinAnswer {
  const response = `{"snapshot":${snapshot ?? 'null'},"sequence":${sequence},"resumed":false}`;
  return { response, sequence, missed: [] };
}
