/**
 * Which partition a key goes to: Kafka's default partitioner, so that moving a log between the embedded store and
 * Kafka keeps every key where it was. Source: murmur2 by Austin Appleby (2008), seed as in Kafka's Java client.
 */
const MULTIPLIER = 0x5bd1e995;
const SEED = 0x9747b28c;

/** The 32-bit murmur2 hash of `bytes`, as a signed integer. */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  let hash = SEED ^ length;
  const blocksEnd = length & ~3;
  for (let at = 0; at < blocksEnd; at += 4) {
    let block = Math.imul(view.getInt32(at, true), MULTIPLIER);
    block = Math.imul(block ^ (block >>> 24), MULTIPLIER);
    hash = Math.imul(hash, MULTIPLIER) ^ block;
  }
  const rest = length & 3;
  if (rest === 3) hash ^= view.getUint8(blocksEnd + 2) << 16;
  if (rest >= 2) hash ^= view.getUint8(blocksEnd + 1) << 8;
  if (rest >= 1) hash = Math.imul(hash ^ view.getUint8(blocksEnd), MULTIPLIER);
  hash = Math.imul(hash ^ (hash >>> 13), MULTIPLIER);
  return hash ^ (hash >>> 15);
}

/** The partition of a key among `partitions`. Without a key there is one home, so that order is kept: partition 0. */
export function partitionOfKey(key: string | null, partitions: number): number {
  if (key === null || partitions === 1) return 0;
  return (murmur2(Buffer.from(key, 'utf8')) & 0x7fffffff) % partitions;
}
