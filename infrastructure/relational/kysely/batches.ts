/**
 * Splits ids into lists to ask for. SQLite binds at most 32,766 values to a statement, PostgreSQL 65,535; and a few
 * sizes only, so that prepared statements are found again.
 */
const LARGEST = 128;

export function inStatements<Id>(ids: readonly Id[]): readonly (readonly Id[])[] {
  const statements: (readonly Id[])[] = [];
  for (let start = 0; start < ids.length; start += LARGEST) {
    const some = ids.slice(start, start + LARGEST);
    const last = some.at(-1);
    let size = 1;
    while (size < some.length) size *= 2;
    // Asked for twice, found once.
    while (last !== undefined && some.length < size) some.push(last);
    statements.push(some);
  }
  return statements;
}
