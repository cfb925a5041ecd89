/** What a file holds, by its header, and how one of its lines comes apart into the kind's columns. */
import { parse } from 'csv-parse/sync';
import { MARKET_FILE_COLUMNS, type MarketFileKind } from '../market-files.ts';

export interface RowFormat {
  readonly kind: MarketFileKind;
  /** For each of the kind's columns, its place in the file. */
  readonly places: readonly number[];
  /** How many columns the file has. */
  readonly width: number;
}

const KINDS = Object.keys(MARKET_FILE_COLUMNS) as readonly MarketFileKind[];

/** `null` when the names are those of none of the kinds. Further columns are allowed; `date` may stand for `t`. */
export function recogniseColumns(names: readonly string[]): RowFormat | null {
  const found = names.map((name) => name.trim().toLowerCase());
  const place = (column: string) => {
    const at = found.indexOf(column);
    return at === -1 && column === 't' ? found.indexOf('date') : at;
  };
  for (const kind of KINDS) {
    const places = MARKET_FILE_COLUMNS[kind].map(place);
    if (places.every((at) => at !== -1)) return { kind, places, width: names.length };
  }
  return null;
}

/** The fields of one CSV line; `null` when its quotes do not pair up. */
export function splitLine(line: string): readonly string[] | null {
  if (!line.includes('"')) {
    const fields = line.split(',');
    for (let at = 0; at < fields.length; at += 1) fields[at] = (fields[at] as string).trim();
    return fields;
  }
  try {
    const [fields] = parse(line, { trim: true, relax_column_count: true }) as string[][];
    return fields ?? null;
  } catch {
    return null;
  }
}

export type TakenApart =
  | { readonly kind: 'cells'; readonly cells: readonly string[] }
  | { readonly kind: 'trouble'; readonly trouble: string };

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The kind's columns of one line. */
export function takeApart(bytes: Uint8Array, format: RowFormat): TakenApart {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return { kind: 'trouble', trouble: 'is not UTF-8' };
  }
  const fields = splitLine(text);
  if (fields === null)
    return { kind: 'trouble', trouble: 'has a quote that is not closed or not at the edge of a field' };
  if (fields.length !== format.width) {
    return { kind: 'trouble', trouble: `has ${fields.length} columns where the header has ${format.width}` };
  }
  return { kind: 'cells', cells: format.places.map((at) => fields[at] ?? '') };
}
