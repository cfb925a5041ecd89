/**
 * Phoenix Channels frames as text, in both serialisations:
 *
 *   1.0.0  {"topic", "event", "payload", "ref", "join_ref"?}
 *   2.0.0  [join_ref, ref, topic, event, payload]
 *
 * Reading never throws: what is wrong with a frame is a value that names field and rule.
 */
import type { FieldError } from '#infrastructure/core/http.ts';

export type PhoenixVersion = 1 | 2;
/** Echoed as it came: clients compare references by identity, and some send numbers. */
export type Ref = string | number | null;

export interface ClientFrame {
  readonly joinRef: Ref;
  readonly ref: Ref;
  readonly topic: string;
  readonly event: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

export type ParsedFrame =
  | { readonly kind: 'frame'; readonly frame: ClientFrame }
  | { readonly kind: 'not-json' }
  /** What could be read of the frame is kept, so that the error reply finds its way to the caller. */
  | {
      readonly kind: 'invalid';
      readonly joinRef: Ref;
      readonly ref: Ref;
      readonly topic: string;
      readonly errors: readonly FieldError[];
    };

export const HEARTBEAT_TOPIC = 'phoenix';
const MAX_TOPIC_LENGTH = 128;
const MAX_EVENT_LENGTH = 64;
const MAX_REF_LENGTH = 64;

/** The `vsn` connect parameter; without one it is 1.0.0, as Phoenix has it. `null` when it is neither. */
export function phoenixVersion(vsn: string | undefined): PhoenixVersion | null {
  if (vsn === undefined || /^1\.0\.[0-9]{1,3}$/.test(vsn)) return 1;
  return /^2\.0\.[0-9]{1,3}$/.test(vsn) ? 2 : null;
}

export function parseFrame(text: string, version: PhoenixVersion): ParsedFrame {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return { kind: 'not-json' };
  }
  return version === 1 ? parseObject(parsed) : parseArray(parsed);
}

function parseObject(parsed: unknown): ParsedFrame {
  if (!isRecord(parsed))
    return unreadable('must be an object {topic, event, payload, ref}, as vsn 1.0.0 has it');
  return check(parsed['join_ref'], parsed['ref'], parsed['topic'], parsed['event'], parsed['payload']);
}

function parseArray(parsed: unknown): ParsedFrame {
  if (!Array.isArray(parsed) || parsed.length !== 5) {
    return unreadable('must be an array [join_ref, ref, topic, event, payload], as vsn 2.0.0 has it');
  }
  const [joinRef, ref, topic, event, payload]: readonly unknown[] = parsed;
  return check(joinRef, ref, topic, event, payload);
}

function unreadable(message: string): ParsedFrame {
  const errors = [{ field: 'frame', rule: 'type', message }];
  return { kind: 'invalid', joinRef: null, ref: null, topic: HEARTBEAT_TOPIC, errors };
}

function check(
  joinRef: unknown,
  ref: unknown,
  topic: unknown,
  event: unknown,
  payload: unknown,
): ParsedFrame {
  const errors: FieldError[] = [];
  const read: ClientFrame = {
    joinRef: readRef(joinRef, 'join_ref', errors),
    ref: readRef(ref, 'ref', errors),
    topic: readText(topic, 'topic', MAX_TOPIC_LENGTH, errors),
    event: readText(event, 'event', MAX_EVENT_LENGTH, errors),
    payload: readPayload(payload, errors),
  };
  if (errors.length === 0) return { kind: 'frame', frame: read };
  return {
    kind: 'invalid',
    joinRef: read.joinRef,
    ref: read.ref,
    topic: read.topic || HEARTBEAT_TOPIC,
    errors,
  };
}

function readRef(value: unknown, field: string, errors: FieldError[]): Ref {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string' && value.length <= MAX_REF_LENGTH) return value;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  errors.push({
    field,
    rule: 'type',
    message: `must be a text of at most ${MAX_REF_LENGTH} characters, or null`,
  });
  return null;
}

function readText(value: unknown, field: string, maxLength: number, errors: FieldError[]): string {
  if (typeof value === 'string' && value.length > 0 && value.length <= maxLength) return value;
  errors.push({ field, rule: 'type', message: `must be a text of 1 to ${maxLength} characters` });
  return '';
}

function readPayload(value: unknown, errors: FieldError[]): Readonly<Record<string, unknown>> {
  if (isRecord(value)) return value;
  errors.push({ field: 'payload', rule: 'type', message: 'must be an object' });
  return {};
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * An event from the server; `payload` is JSON already. Without a `joinRef` it is a broadcast, the same text for
 * every subscriber of the topic.
 */
export function eventFrame(
  version: PhoenixVersion,
  topic: string,
  event: string,
  payload: string,
  joinRef: Ref = null,
): string {
  const name = JSON.stringify(topic);
  if (version === 2) return `[${JSON.stringify(joinRef)},null,${name},"${event}",${payload}]`;
  const own = joinRef === null ? '' : `,"join_ref":${JSON.stringify(joinRef)}`;
  // Phoenix gives an event of the channel itself the reference of its join; a broadcast has none.
  return `{"topic":${name},"event":"${event}","payload":${payload},"ref":${JSON.stringify(joinRef)}${own}}`;
}

/** The answer to a frame; `response` is JSON already. */
export function replyFrame(
  version: PhoenixVersion,
  to: Pick<ClientFrame, 'joinRef' | 'ref' | 'topic'>,
  status: 'ok' | 'error',
  response: string,
): string {
  const payload = `{"status":"${status}","response":${response}}`;
  const topic = JSON.stringify(to.topic);
  const ref = JSON.stringify(to.ref);
  const joinRef = JSON.stringify(to.joinRef);
  if (version === 2) return `[${joinRef},${ref},${topic},"phx_reply",${payload}]`;
  const own = to.joinRef === null ? '' : `,"join_ref":${joinRef}`;
  return `{"topic":${topic},"event":"phx_reply","payload":${payload},"ref":${ref}${own}}`;
}
