/** What an error of librdkafka or of a broker means to a caller: nothing was written, or it may have been. */
import type { ServerFailure } from '#infrastructure/common/server-calls.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { isKafkaFailure, type KafkaFailure } from './kafka-library.ts';

/** librdkafka's own codes are negative, the protocol's positive. */
export const CODE = {
  purgedInQueue: -152,
  purgedInFlight: -151,
  badMessage: -199,
  fatal: -150,
  maxPollExceeded: -147,
  noOffset: -168,
  noEntry: -156,
  autoOffsetReset: -140,
  fenced: -144,
  timedOut: -185,
  queueFull: -184,
  assignPartitions: -175,
  revokePartitions: -174,
  state: -172,
  authentication: -169,
  unsupportedFeature: -165,
  unknownPartition: -190,
  unknownTopic: -188,
  ssl: -181,
  resolve: -193,
  transport: -195,
  allBrokersDown: -187,
  offsetOutOfRange: 1,
  unknownTopicOrPartition: 3,
  leaderNotAvailable: 5,
  notLeader: 6,
  fencedLeaderEpoch: 74,
  unstableOffsets: 88,
  unknownLeaderEpoch: 75,
  messageTooLarge: 10,
  illegalGeneration: 22,
  unknownMember: 25,
  topicForbidden: 29,
  groupForbidden: 30,
  clusterForbidden: 31,
  invalidTimestamp: 32,
  unsupportedVersion: 35,
  topicExists: 36,
  outOfReplicas: 19,
  invalidProducerEpoch: 47,
  invalidTransactionState: 48,
  transactionalIdForbidden: 53,
  saslFailed: 58,
  unstableOffsetCommit: 88,
  producerFenced: 90,
  fencedMemberEpoch: 110,
  staleMemberEpoch: 113,
} as const;

const NOT_SENT = new Set<number>([
  CODE.queueFull,
  CODE.purgedInQueue,
  CODE.outOfReplicas,
  CODE.unknownTopic,
  CODE.unknownPartition,
]);
const FORBIDDEN = new Set<number>([
  CODE.topicForbidden,
  CODE.groupForbidden,
  CODE.clusterForbidden,
  CODE.transactionalIdForbidden,
]);
const UNKNOWN_TOPIC = new Set<number>([
  CODE.unknownTopicOrPartition,
  CODE.unknownPartition,
  CODE.unknownTopic,
]);
const MEMBERSHIP = new Set<number>([
  CODE.illegalGeneration,
  CODE.unknownMember,
  CODE.fencedMemberEpoch,
  CODE.staleMemberEpoch,
  CODE.maxPollExceeded,
]);
const FENCED = new Set<number>([CODE.fenced, CODE.invalidProducerEpoch, CODE.producerFenced]);

export function codeOf(error: unknown): number | null {
  return isKafkaFailure(error) ? error.code : null;
}

/** Errors that a client reports by itself come without their codes: only with librdkafka's text, in lower case. */
const EVENTS: Readonly<Record<string, number>> = {
  'fatal error': CODE.fatal,
  'authentication failure': CODE.authentication,
  'sasl authentication failed': CODE.saslFailed,
  'ssl error': CODE.ssl,
  'host resolution failure': CODE.resolve,
  'required feature not supported by broker': CODE.unsupportedFeature,
  'unsupported version': CODE.unsupportedFeature,
};

/** 0 where the text is not known. */
export function codeOfEvent({ code, message }: KafkaFailure): number {
  return code === -1 ? (EVENTS[message] ?? 0) : code;
}

/** Another producer was opened under the same transactional id, or the broker gave up on this one. */
export function isFenced(error: unknown): boolean {
  return FENCED.has(codeOf(error) ?? 0);
}

/** Just made, or removed by somebody: whether its records are lost the watch over the topics finds (topic-watch.ts). */
const NO_TOPIC: ServerFailure = {
  code: 'LOG_UNAVAILABLE',
  reason: 'does not know a topic of this log',
  retry: 'retry',
};

/** What stays wrong however often it is tried; `null` for the rest. */
function lasting({ code, message }: KafkaFailure): ServerFailure | null {
  if (code === CODE.authentication || code === CODE.saslFailed) {
    return { code: 'LOG_UNAUTHENTICATED', reason: 'refuses user or password', retry: 'never' };
  }
  if (FORBIDDEN.has(code))
    return { code: 'LOG_FORBIDDEN', reason: `forbids this user the call (${message})`, retry: 'never' };
  if (code === CODE.messageTooLarge)
    return { code: 'LOG_RECORD_TOO_LARGE', reason: `refuses a record as too large`, retry: 'never' };
  if (code === CODE.invalidTimestamp) {
    return {
      code: 'LOG_CLOCK_REFUSED',
      reason: "refuses a record's time: this machine's clock is too far from the broker's",
      retry: 'never',
    };
  }
  if (code === CODE.unsupportedVersion || code === CODE.unsupportedFeature) {
    return {
      code: 'LOG_SERVER_TOO_OLD',
      reason: 'is too old: version 3.5 or newer is needed, and 4.0 for group.protocol=consumer',
      retry: 'never',
    };
  }
  return null;
}

/** Of calls that change nothing, or the same again. */
export function classifyRead(error: unknown): ServerFailure | null {
  if (!isKafkaFailure(error)) return null;
  const known = lasting(error);
  if (known !== null) return known;
  if (UNKNOWN_TOPIC.has(error.code)) return NO_TOPIC;
  if (MEMBERSHIP.has(error.code))
    return { code: 'LOG_NOT_ASSIGNED', reason: 'counts this member out of its group', retry: 'never' };
  if (error.code === CODE.unstableOffsetCommit) {
    return {
      code: 'LOG_UNAVAILABLE',
      reason:
        "has a transaction under way that moves this group's position, and tells it when that has ended; if it lasts longer than a minute, a transaction hangs: docs/servers.md, hanging transactions",
      retry: 'retry',
    };
  }
  return { code: 'LOG_UNAVAILABLE', reason: `failed (${error.message})`, retry: 'retry' };
}

/** Of appends: the delivery of a record failed, or was given up. */
export function classifyAppend(error: unknown): ServerFailure | null {
  if (!isKafkaFailure(error)) return null;
  const known = lasting(error);
  if (known !== null) return known;
  if (NOT_SENT.has(error.code))
    return { code: 'LOG_UNAVAILABLE', reason: `takes no records now (${error.message})`, retry: 'retry' };
  return {
    code: 'LOG_OUTCOME_UNKNOWN',
    reason: `did not confirm a record, which may have been written (${error.message})`,
    retry: 'unknown',
  };
}

export function operatingError(
  name: string,
  failure: ServerFailure | null,
  cause: unknown,
): OperatingError | null {
  if (failure === null) return null;
  return new OperatingError(failure.code, `${name} ${failure.reason}.`, { retry: failure.retry, cause });
}

export function closedError(): OperatingError {
  return new OperatingError('LOG_CLOSED', 'The event log is closed.', { retry: 'never' });
}
