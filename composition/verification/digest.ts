/** A few bytes that stand for a value while two places are compared, so that millions fit into memory. */
import { hash } from 'node:crypto';

const DIGEST_BYTES = 6;

/** Over the members in the order of their names, since a store may give them in another. */
export function digestOf(value: object): number {
  const members = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  const text = JSON.stringify(members, (_key, member) =>
    typeof member === 'bigint' ? member.toString() : member,
  );
  return hash('sha256', text, 'buffer').readUIntBE(0, DIGEST_BYTES);
}
