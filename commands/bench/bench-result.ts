/** What a benchmark gives, and how several runs of it become one row: the median, with the spread. */
export type Figures = Readonly<Record<string, number | string>>;

export interface Bench {
  readonly name: string;
  readonly sentence: string;
  /** How often it runs when nothing else is asked for; long ones run once. */
  readonly runs: number;
  run(tell: (line: string) => void): Promise<Figures>;
}

export interface BenchReport {
  readonly name: string;
  readonly sentence: string;
  readonly runs: readonly Figures[];
  /** Of numbers, over the runs. */
  readonly median: Figures;
  readonly lowest: Figures;
  readonly highest: Figures;
}

function medianOf(sorted: readonly number[]): number {
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

export function reportOf(bench: Bench, runs: readonly Figures[]): BenchReport {
  const over = (choose: (sorted: readonly number[]) => number): Figures =>
    Object.fromEntries(
      Object.entries(runs[0] ?? {}).map(([name, first]) => {
        if (typeof first === 'string') return [name, first];
        const values = runs.map((run) => run[name]).filter((value) => typeof value === 'number');
        return [name, choose(values.sort((left, right) => left - right))];
      }),
    );
  return {
    name: bench.name,
    sentence: bench.sentence,
    runs,
    median: over(medianOf),
    lowest: over((sorted) => sorted[0] ?? 0),
    highest: over((sorted) => sorted.at(-1) ?? 0),
  };
}

/** Three digits that mean something; whole numbers from 1,000 on, with separators. */
export function shownFigure(value: number | string): string {
  if (typeof value === 'string') return value;
  if (Math.abs(value) >= 1_000) return String(Math.round(value)).replaceAll(/\B(?=(\d{3})+$)/g, ',');
  return String(Number(value.toPrecision(3)));
}

export function asLines(report: BenchReport): readonly string[] {
  const rows = Object.entries(report.median).map(([name, median]) => {
    const low = report.lowest[name] ?? median;
    const high = report.highest[name] ?? median;
    const spread =
      typeof median === 'number' && low !== high ? `  (${shownFigure(low)} – ${shownFigure(high)})` : '';
    return `  ${name.padEnd(34)} ${shownFigure(median)}${spread}`;
  });
  return [`${report.name}: ${report.sentence} Median of ${report.runs.length}.`, ...rows];
}
