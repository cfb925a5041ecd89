/**
 * Splits rows into statements. SQLite binds at most 32,766 values to one, PostgreSQL 65,535; and a few sizes
 * only, so that prepared statements are found again.
 */
const LARGE = 128;
const SMALL = 8;

export function inStatements<Row>(rows: readonly Row[]): readonly (readonly Row[])[] {
  const statements: (readonly Row[])[] = [];
  let start = 0;
  while (start < rows.length) {
    const left = rows.length - start;
    const size = left >= LARGE ? LARGE : left >= SMALL ? SMALL : 1;
    statements.push(rows.slice(start, start + size));
    start += size;
  }
  return statements;
}
