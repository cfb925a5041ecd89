/**
 * What a benchmark gives, and how several runs of it become one row: the median, with the spread. Run on servers too, a
 * second column stands beside the first.
 */
import type { BenchPlace, ServerOption } from './bench-place.ts';

export type Figures = Readonly<Record<string, number | string>>;

export interface Bench {
  readonly name: string;
  readonly sentence: string;
  /** How often it runs when nothing else is asked for; long ones run once. */
  readonly runs: number;
  /** The options that must name servers for it to run on them, besides any one; or why it has no such form. */
  readonly onServers: { readonly needs: readonly ServerOption[] } | { readonly none: string };
  run(place: BenchPlace, tell: (line: string) => void): Promise<Figures>;
}

export interface Column {
  readonly runs: readonly Figures[];
  /** Of numbers, over the runs. */
  readonly median: Figures;
  readonly lowest: Figures;
  readonly highest: Figures;
}

export interface BenchReport extends Column {
  readonly name: string;
  readonly sentence: string;
  /** `null` when it was not asked for; a sentence where it could not be had. */
  readonly servers: Column | { readonly none: string } | null;
}

function medianOf(sorted: readonly number[]): number {
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

export function columnOf(runs: readonly Figures[]): Column {
  const over = (choose: (sorted: readonly number[]) => number): Figures =>
    Object.fromEntries(
      Object.entries(runs[0] ?? {}).map(([name, first]) => {
        if (typeof first === 'string') return [name, first];
        const values = runs.map((run) => run[name]).filter((value) => typeof value === 'number');
        return [name, choose(values.sort((left, right) => left - right))];
      }),
    );
  return {
    runs,
    median: over(medianOf),
    lowest: over((sorted) => sorted[0] ?? 0),
    highest: over((sorted) => sorted.at(-1) ?? 0),
  };
}

export function reportOf(
  { name, sentence }: Pick<Bench, 'name' | 'sentence'>,
  runs: readonly Figures[],
  servers: readonly Figures[] | { readonly none: string } | null,
): BenchReport {
  const second = servers === null || 'none' in servers ? servers : columnOf(servers);
  return { name, sentence, ...columnOf(runs), servers: second };
}

/** Three digits that mean something; whole numbers from 1,000 on, with separators. */
export function shownFigure(value: number | string): string {
  if (typeof value === 'string') return value;
  if (Math.abs(value) >= 1_000) return String(Math.round(value)).replaceAll(/\B(?=(\d{3})+$)/g, ',');
  return String(Number(value.toPrecision(3)));
}

const NAME_WIDTH = 36;
const COLUMN_WIDTH = 28;

function shownIn({ median, lowest, highest }: Column, name: string): string {
  const middle = median[name];
  if (middle === undefined) return '–';
  const low = lowest[name] ?? middle;
  const high = highest[name] ?? middle;
  const spread =
    typeof middle === 'number' && low !== high ? `  (${shownFigure(low)} – ${shownFigure(high)})` : '';
  return `${shownFigure(middle)}${spread}`;
}

/** What the servers' figure is of the embedded one. */
function ratioOf(embedded: Column, servers: Column, name: string): string {
  const before = embedded.median[name];
  const after = servers.median[name];
  if (typeof before !== 'number' || typeof after !== 'number' || before === 0) return '';
  return `× ${shownFigure(after / before)}`;
}

export function asLines(report: BenchReport): readonly string[] {
  const { name, sentence, runs, servers } = report;
  const title = `${name}: ${sentence} Median of ${runs.length}.`;
  const names = Object.keys(report.median);
  if (servers === null || 'none' in servers) {
    const rows = names.map((figure) => `  ${figure.padEnd(NAME_WIDTH)} ${shownIn(report, figure)}`);
    return [title, ...rows, ...(servers === null ? [] : [`  not on servers: ${servers.none}`])];
  }
  const row = (figure: string, first: string, second: string, ratio: string): string =>
    `  ${figure.padEnd(NAME_WIDTH)} ${first.padEnd(COLUMN_WIDTH)} ${second.padEnd(COLUMN_WIDTH)} ${ratio}`.trimEnd();
  const all = [...names, ...Object.keys(servers.median).filter((figure) => !names.includes(figure))];
  return [
    title,
    row('', 'embedded', 'servers', 'ratio'),
    ...all.map((figure) =>
      row(figure, shownIn(report, figure), shownIn(servers, figure), ratioOf(report, servers, figure)),
    ),
  ];
}
