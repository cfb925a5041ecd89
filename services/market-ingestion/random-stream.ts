/**
 * A small seeded generator whose whole state is four 32-bit words: sfc32 (Chris Doty-Humphrey, PractRand). For the
 * simulated feed only: it decides no secret and no trade.
 */
export type RandomState = readonly [number, number, number, number];

export interface RandomStream {
  /** Uniform in 0 … 2³² − 1. */
  word(): number;
  /** Uniform in 0 … `limit` − 1. */
  below(limit: number): number;
  state(): RandomState;
}

export function randomStreamFrom(state: RandomState): RandomStream {
  let [a, b, c, counter] = state;

  function word(): number {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum >>> 0;
  }

  return { word, below: (limit) => word() % limit, state: () => [a, b, c, counter] };
}

export function seededRandomStream(seed: number): RandomStream {
  const stream = randomStreamFrom([seed | 0, 0x9e3779b9 | 0, 0x243f6a88 | 0, 1]);
  // The first outputs still show the seed's bits.
  for (let round = 0; round < 15; round += 1) stream.word();
  return stream;
}
