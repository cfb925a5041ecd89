/**
 * Splits ids into lists to ask for. SQLite binds at most 32,766 values to a statement, PostgreSQL 65,535; and a few
 * sizes only, so that prepared statements are found again.
 */
const LARGE = 128;
const SMALL = 8;

export function inStatements<Id>(ids: readonly Id[]): readonly (readonly Id[])[] {
  const statements: (readonly Id[])[] = [];
  let start = 0;
  while (start < ids.length) {
    const left = ids.length - start;
    const size = left > SMALL ? LARGE : left > 1 ? SMALL : 1;
    const some = ids.slice(start, start + size);
    const last = some.at(-1);
    // Asked for twice, found once.
    while (last !== undefined && some.length < size) some.push(last);
    statements.push(some);
    start += size;
  }
  return statements;
}
