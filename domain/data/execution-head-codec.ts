/**
 * The records of `execution_heads`: one per commit of a partition, with the input it reached and the state's hash.
 * They are sealed, and so anchor `account_states`, which is compacted and cannot be.
 */
import type { PartitionHeadEntity } from './account-state.ts';
import type { Decoded } from './decoded.ts';
import { checkSchemaVersion, parseWireObject, quote, SCHEMA_VERSION, toBytes } from './event-envelope.ts';
import { FieldReader } from './field-reader.ts';
import { MAX_DIGEST_LENGTH } from './trading-input-codec.ts';

export type ExecutionHead = Pick<
  PartitionHeadEntity,
  'partition' | 'nextInputOffset' | 'inputsApplied' | 'stateHash'
>;

export function encodeExecutionHead(head: ExecutionHead): Uint8Array {
  return toBytes(
    `{"schemaVersion":"${SCHEMA_VERSION}","partition":${head.partition},"nextInputOffset":${head.nextInputOffset},` +
      `"inputsApplied":${head.inputsApplied},"stateHash":${quote(head.stateHash)}}`,
  );
}

export function decodeExecutionHead(bytes: Uint8Array): Decoded<ExecutionHead> {
  const reader = new FieldReader();
  const fields = parseWireObject(bytes, reader);
  if (fields === null) return reader.unreadable();
  checkSchemaVersion(fields['schemaVersion'], reader);
  const value: ExecutionHead = {
    partition: reader.integer(fields['partition'], 'partition', 0),
    nextInputOffset: reader.integer(fields['nextInputOffset'], 'nextInputOffset', 0),
    inputsApplied: reader.integer(fields['inputsApplied'], 'inputsApplied', 0),
    stateHash: reader.text(fields['stateHash'], 'stateHash', MAX_DIGEST_LENGTH),
  };
  return reader.failed ? reader.unreadable() : { kind: 'decoded', value };
}
