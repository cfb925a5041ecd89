/** What DynamoDB's client throws, as failures that say whether a repeat helps. */
import { DynamoDBServiceException, TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import { classifyConnectionError } from '#infrastructure/common/connection-errors.ts';
import type { ServerFailure } from '#infrastructure/common/server-calls.ts';

/** By name: of the service, of a cancelled transaction's reasons, and of the SDK's own failures. */
const THROTTLED = new Set([
  'ProvisionedThroughputExceededException',
  'ProvisionedThroughputExceeded',
  'ThrottlingException',
  'ThrottlingError',
  'RequestLimitExceeded',
  'LimitExceededException',
]);
const IN_THE_WAY = new Set([
  'TransactionConflictException',
  'TransactionConflict',
  'TransactionInProgressException',
  'ReplicatedWriteConflictException',
]);
const NOT_ALLOWED = new Set([
  'AccessDeniedException',
  'CredentialsProviderError',
  'ExpiredTokenException',
  'IncompleteSignatureException',
  'InvalidSignatureException',
  'MissingAuthenticationTokenException',
  'MissingAuthenticationToken',
  'NotAuthorized',
  'TokenRefreshRequired',
  'UnrecognizedClientException',
]);

export function classifyDynamoDbError(error: unknown): ServerFailure | null {
  if (!(error instanceof Error)) return null;
  const names = namesOf(error);
  const named = (known: ReadonlySet<string>) => names.find((name) => known.has(name));
  const throttled = named(THROTTLED);
  if (throttled !== undefined) {
    return busy(`takes no more calls for now (${throttled})`);
  }
  const inTheWay = named(IN_THE_WAY);
  if (inTheWay !== undefined) {
    return busy(`has another write in the way (${inTheWay})`);
  }
  const notAllowed = named(NOT_ALLOWED);
  if (notAllowed !== undefined) {
    return {
      code: 'STORE_NOT_ALLOWED',
      reason: `refuses the credentials or what they may do (${notAllowed}): see the AWS credentials of this process`,
      retry: 'never',
    };
  }
  if (names.includes('ResourceNotFoundException')) {
    return {
      code: 'STORE_MISSING',
      reason: 'is missing: make it with `tradehall prepare` and the same options',
      retry: 'never',
    };
  }
  const connection = classifyConnectionError(error) ?? classifyConnectionError(error.cause);
  if (connection !== null) return { code: 'STORE_UNAVAILABLE', ...connection };
  // Of the SDK: no connection, or no answer on it, within the client's own limits.
  if (names.includes('TimeoutError')) {
    return {
      code: 'STORE_UNAVAILABLE',
      reason: 'did not hold the connection (TimeoutError)',
      retry: 'unknown',
    };
  }
  if (!(error instanceof DynamoDBServiceException)) {
    // The SDK hangs the answer on what it threw while reading it, such as a proxy's page.
    if (!('$response' in error)) return null;
    return {
      code: 'STORE_UNAVAILABLE',
      reason: `gave an answer that is not DynamoDB's (${error.name})`,
      retry: 'unknown',
    };
  }
  const status = error.$metadata.httpStatusCode ?? 500;
  if (status >= 500) {
    return { code: 'STORE_UNAVAILABLE', reason: `failed (${error.name})`, retry: 'unknown' };
  }
  return {
    code: 'STORE_FAILED',
    reason: `refuses the call (${error.name}: ${error.message})`,
    retry: 'never',
  };
}

function busy(reason: string): ServerFailure {
  return { code: 'STORE_BUSY', reason, retry: 'retry', answered: true };
}

/** The error's own name and code, the reasons of a cancelled transaction, and the same of what caused it. */
function namesOf(error: Error): readonly string[] {
  const names = [error.name];
  if ('code' in error && typeof error.code === 'string') names.push(error.code);
  if (error instanceof TransactionCanceledException) {
    for (const { Code } of error.CancellationReasons ?? []) if (Code !== undefined) names.push(Code);
  }
  if (error instanceof AggregateError) for (const inner of error.errors) names.push(...namesOf(inner));
  if (error.cause instanceof Error) names.push(...namesOf(error.cause));
  return names;
}
