/** Every bench by name, in the order of running. */

export interface Bench {
  readonly name: string;
  readonly sentence: string;
}

export const benches: readonly Bench[] = [];
