/**
 * A statement that writes one row, built and compiled once, then repeated with the values of each row: building a
 * query costs more than running it, and every order and statement line comes this way.
 */
import type { Compilable, CompiledQuery } from 'kysely';

/** What a column's value stands for in the statement while it is built. */
class Column {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/**
 * `build` gets a row whose values are placeholders and may use them only where a row's values go. The result makes
 * the statement of a row.
 */
export function rowStatement<Row extends object>(
  columns: readonly (keyof Row & string)[],
  build: (placeholders: Row) => Compilable,
): (row: Row) => Compilable {
  let compiled: CompiledQuery | null = null;
  return (row) => ({
    compile() {
      if (compiled === null) {
        const placeholders = Object.fromEntries(columns.map((name) => [name, new Column(name)]));
        compiled = build(placeholders as Row).compile();
      }
      const { sql, query, queryId, parameters } = compiled;
      const values = row as Readonly<Record<string, unknown>>;
      return {
        sql,
        query,
        queryId,
        parameters: parameters.map((parameter) =>
          parameter instanceof Column ? values[parameter.name] : parameter,
        ),
      };
    },
  });
}
