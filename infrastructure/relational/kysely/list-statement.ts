/** Queries of a list of values, built and compiled once for each length: building a query costs more than running it. */
import type { Compilable, CompiledQuery } from 'kysely';

/** `build` may use the values as the query's only parameters, in their order. */
export function listStatement<Value, Row>(
  build: (values: readonly Value[]) => Compilable<Row>,
): (values: readonly Value[]) => CompiledQuery<Row> {
  const compiled = new Map<number, CompiledQuery<Row>>();
  return (values) => {
    let known = compiled.get(values.length);
    if (known === undefined) {
      known = build(values).compile();
      compiled.set(values.length, known);
    }
    return { ...known, parameters: values };
  };
}
